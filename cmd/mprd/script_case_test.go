package main

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"mprd/tx"
)

// untilTime bounds how long a script waits for something.
const untilTime = time.Minute

// until runs a command until its stdout matches: until PATTERN COMMAND ARGS….
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until PATTERN COMMAND ARGS…")
	}
	pattern := regexp.MustCompile("(?m)" + args[0])
	for end := time.Now().Add(untilTime); ; time.Sleep(200 * time.Millisecond) {
		_ = ts.Exec(args[1], args[2:]...) // it may fail until then
		switch {
		case pattern.MatchString(ts.ReadFile("stdout")):
			return
		case time.Now().After(end):
			ts.Fatalf("no match for %q within %s", args[0], untilTime)
		}
	}
}

// equivocate signs two transfers under one nonce with one of the example's keys: equivocate KEY ONE TWO.
func equivocate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: equivocate KEY FILE FILE")
	}
	raw, err := os.ReadFile(filepath.Join(ts.Getenv("EXAMPLE"), "keys.json"))
	ts.Check(err)
	var seeds map[string]string
	ts.Check(json.Unmarshal(raw, &seeds))
	seed, err := hex.DecodeString(seeds[args[0]])
	ts.Check(err)
	key, err := tx.KeyFromSeed(seed)
	ts.Check(err)
	now := uint64(time.Now().UnixMilli())
	for i, name := range args[1:] {
		signer, to := key.Address(), tx.Address{1}
		body := &tx.Body{
			ChainId: "test-1", Signer: signer[:], MaxFee: tx.UnitsPerToken,
			Token: &tx.Token{Nonce: make([]byte, tx.NonceBytes), IssuedAtMs: now, ExpiresAtMs: now + 60_000},
			Message: &tx.Body_Transfer{
				Transfer: &tx.Transfer{To: to[:], Amount: uint64(i+1) * tx.UnitsPerToken},
			},
		}
		body.GasLimit = tx.GasFor(body)
		_, err := body.Seal()
		ts.Check(err)
		signed, err := tx.Sign(body, key)
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(name), signed, 0o600))
	}
}
