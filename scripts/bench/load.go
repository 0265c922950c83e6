package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"mprd/policy"
	"mprd/tx"
)

// load makes the txs of a model fleet's day: of ten, seven requests that are allowed, one that is denied,
// and two transfers.
type load struct {
	chainID string
	policy  [32]byte
	keys    map[string]*tx.Key
	fleet   []*tx.Key
}

func newLoad(example, chainID string) (*load, error) {
	raw, err := os.ReadFile(filepath.Join(example, "keys.json"))
	if err != nil {
		return nil, err
	}
	var seeds map[string]string
	if err := json.Unmarshal(raw, &seeds); err != nil {
		return nil, err
	}
	l := &load{chainID: chainID, keys: map[string]*tx.Key{}}
	for name, text := range seeds {
		seed, err := hex.DecodeString(text)
		if err != nil {
			return nil, err
		}
		if l.keys[name], err = tx.KeyFromSeed(seed); err != nil {
			return nil, err
		}
	}
	for i := range fleetSize {
		l.fleet = append(l.fleet, fleetKey(i))
	}
	bundle, err := policy.ReadDir(os.DirFS(filepath.Join(example, "policy")))
	l.policy = bundle.Hash()
	return l, err
}

// batch makes n signed txs with tokens around nowMs, over all cores.
func (l *load) batch(n int, nowMs uint64) ([][]byte, error) {
	raws := make([][]byte, n)
	errs := make([]error, 2)
	var workers sync.WaitGroup
	for w := range errs {
		workers.Go(func() {
			for i := w; i < n && errs[w] == nil; i += len(errs) {
				raws[i], errs[w] = l.one(i, nowMs)
			}
		})
	}
	workers.Wait()
	if errs[0] == nil {
		errs[0] = errs[1]
	}
	return raws, errs[0]
}

// one makes the i-th tx.
func (l *load) one(i int, nowMs uint64) ([]byte, error) {
	nonce := make([]byte, tx.NonceBytes)
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	body := &tx.Body{
		ChainId: l.chainID, MaxFee: 10_000,
		Token: &tx.Token{Nonce: nonce, IssuedAtMs: nowMs, ExpiresAtMs: nowMs + 290_000},
	}
	signer := l.message(body, i)
	address := signer.Address()
	body.Signer = address[:]
	body.GasLimit = tx.GasFor(body)
	if _, err := body.Seal(); err != nil {
		return nil, err
	}
	return tx.Sign(body, signer)
}

func (l *load) message(body *tx.Body, i int) *tx.Key {
	m := &tx.RequestAction{ResourcesRequired: 1, PolicyHash: l.policy[:], ValueAtRisk: 1_000_000, WaitMs: 1000}
	body.Message = &tx.Body_RequestAction{RequestAction: m}
	switch i % 10 {
	case 0, 1, 2, 3:
		m.Target, m.Op = "gw-dev", &tx.RequestAction_Scale{Scale: &tx.Scale{Replicas: uint32(2 + i/10%2)}}
	case 4, 5, 6:
		m.Target, m.Op = "gw-staging-eu", &tx.RequestAction_Throttle{
			Throttle: &tx.Throttle{RequestsPerSecond: uint64(400 + i%50), Burst: 200},
		}
	case 7:
		m.Target, m.Op = "gw-prod-eu", &tx.RequestAction_Pause{Pause: &tx.Pause{Paused: true}}
	default:
		to := l.keys["security-1"].Address()
		body.Message = &tx.Body_Transfer{Transfer: &tx.Transfer{To: to[:], Amount: 1}}
	}
	return l.fleet[i%fleetSize]
}

// fleetSize is how many agents send: each has room for a few dozen txs in a mempool.
const fleetSize = 100

// fleetKey is the key of the i-th of them.
func fleetKey(i int) *tx.Key {
	seed := sha256.Sum256(fmt.Appendf(nil, "mprd bench key: %d", i))
	key, err := tx.KeyFromSeed(seed[:])
	if err != nil {
		panic(err) // a seed of 32 bytes always makes a key
	}
	return key
}
