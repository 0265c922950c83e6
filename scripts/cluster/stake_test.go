package cluster

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"mprd/internal/testchain"
)

// TestSkinInTheGame plays stake on real processes, from the command line: a fifth
// validator joins, one is jailed for downtime and comes back without a slash, one key signs twice and loses
// its stake and its seat for ever, an accusation that nobody decided is rejected, and one leaves.
func TestSkinInTheGame(t *testing.T) {
	n := startNetwork(t, 28756, stakeEdit, "--validators", "4", "--nodes", "6")
	n.wallet("val-1", "val-2", "val-3", "val-4", "outsider", "agent-a", "plain", "approver-1")

	n.joins("outsider", 4)
	n.comesBackFromDowntime("val-3", 2)
	n.undecidedIsRejected()
	n.signsTwice("val-4", 3, 5)
	n.leaves("outsider", 4)
	n.sameAppHashes()
	n.conserves()
}

// stakeEdit shortens epochs and windows, and lets one validator of the cast more join.
func stakeEdit(doc map[string]any) {
	testchain.WithPlaces(doc)
	doc["params"] = map[string]any{
		"epoch_ms": 8_000, "epoch_blocks_min": 5,
		"economics": map[string]any{
			"validators_min": 3, "downtime_blocks": 80, "jail_ms": 5_000, "heartbeat_ms": 4_000,
			"dispute_objective_ms": 15_000, "dispute_computed_ms": 10_000, "dispute_subjective_ms": 10_000,
			"resolve_ms": 6_000, "extension_ms": 1_000,
		},
	}
	for _, a := range doc["accounts"].([]map[string]any) {
		if a["address"] == testchain.Address("outsider") {
			a["balance"] = uint64(50_000_000_000)
		}
	}
}

// wallet imports keys of the cast.
func (n *network) wallet(names ...string) {
	n.Helper()
	seeds := map[string]string{}
	for _, name := range names {
		seeds[name] = hex.EncodeToString(testchain.Key(name).Seed())
	}
	raw, err := json.Marshal(seeds)
	if err != nil {
		n.Fatal(err)
	}
	file, passphrase := filepath.Join(n.dir, "seeds.json"), filepath.Join(n.dir, "passphrase")
	if err := errors.Join(os.WriteFile(file, raw, 0o600), os.WriteFile(passphrase, []byte("test"), 0o600)); err != nil {
		n.Fatal(err)
	}
	n.env = []string{"MPRD_HOME=" + filepath.Join(n.dir, "home"), "MPRD_PASSPHRASE_FILE=" + passphrase,
		"MPRD_NODE=" + n.rpc(0)}
	n.must(append([]string{"keys", "import", "--work-factor", "4", "--demo-seeds", file}, names...)...)
}

// until runs the command until its output matches.
func (n *network) until(within time.Duration, pattern string, args ...string) string {
	n.Helper()
	want := regexp.MustCompile("(?m)" + pattern)
	for deadline := time.Now().Add(within); ; time.Sleep(300 * time.Millisecond) {
		out, _ := n.mprd(args...)
		if want.MatchString(out) {
			return out
		}
		if time.Now().After(deadline) {
			n.Fatalf("mprd %s: no %q within %s:\n%s", strings.Join(args, " "), pattern, within, out)
		}
	}
}

func (n *network) joins(operator string, node int) {
	n.Helper()
	n.must("operator", "register", "--stake", "20000", "--from", operator)
	n.must("validator", "register", "--key-file", n.keyFile(node), "--from", operator)
	n.until(40*time.Second, `^state +validates`, "validator", "show", operator)
	n.until(20*time.Second, `uptime +[0-9.]+%: signed [1-9]`, "validator", "show", operator)
	n.until(20*time.Second, `CometBFT.s set is the same`, "validator", "list")
}

// comesBackFromDowntime kills a validator for 30 s. It is jailed, and not slashed.
func (n *network) comesBackFromDowntime(operator string, node int) {
	n.Helper()
	n.must("localnet", "kill", fmt.Sprint(node), "--dir", n.net())
	down := time.Now()
	n.until(60*time.Second, `^state +jailed`, "validator", "show", operator)
	n.until(20*time.Second, `CometBFT.s set is the same`, "validator", "list")
	time.Sleep(time.Until(down.Add(30 * time.Second)))
	n.must("localnet", "start", fmt.Sprint(node), "--dir", n.net())
	n.until(30*time.Second, "^done", "validator", "unjail", "--from", operator)
	n.until(40*time.Second, `^state +validates`, "validator", "show", operator)
	n.until(30*time.Second, `uptime +[0-9.]+%: signed [1-9]`, "validator", "show", operator)
	if out := n.must("operator", "show", operator); !strings.Contains(out, "20000.000000 tokens") {
		n.Fatalf("it was slashed:\n%s", out)
	}
	if out := n.must("case", "list"); strings.Contains(out, "downtime") || strings.Contains(out, "liveness") {
		n.Fatalf("there is a case:\n%s", out)
	}
}

// undecidedIsRejected: an accusation that is disputed, and that no resolver decides, costs half the bond.
func (n *network) undecidedIsRejected() {
	n.Helper()
	out := n.must("action", "request", "scale", "gw-dev", "3", "--from", "agent-a")
	action := regexp.MustCompile(`action ([0-9a-f]{64})`).FindStringSubmatch(out)
	if action == nil {
		n.Fatalf("no action in:\n%s", out)
	}
	before := n.balance("plain")
	out = n.must("case", "propose", "--infraction", "policy_violation", "--action", action[1],
		"--statement", "it was not needed", "--from", "plain")
	number := regexp.MustCompile(`(?m)^ +case ([0-9]+)$`).FindStringSubmatch(out)
	if number == nil {
		n.Fatalf("no case in:\n%s", out)
	}
	n.must("case", "dispute", number[1], "--statement", "the rules allow it", "--from", "agent-a")
	n.until(40*time.Second, `policy_violation, REJECTED`, "case", "show", number[1])
	if lost := before - n.balance("plain"); lost < 50_000_000 || lost > 51_000_000 { // half of 100 tokens, and fees
		n.Fatalf("the accuser lost %d base units", lost)
	}
}

// signsTwice runs a validator's key on a second node until CometBFT has the evidence.
func (n *network) signsTwice(operator string, node, twin int) {
	n.Helper()
	n.must("localnet", "stop", fmt.Sprint(twin), "--dir", n.net())
	key, err := os.ReadFile(n.keyFile(node))
	if err == nil {
		err = os.WriteFile(n.keyFile(twin), key, 0o600)
	}
	if err != nil {
		n.Fatal(err)
	}
	n.must("localnet", "start", fmt.Sprint(twin), "--dir", n.net())
	out := n.until(120*time.Second, `double_sign`, "case", "list", "--open")
	number := regexp.MustCompile(`(?m)^([0-9]+) +A double_sign`).FindStringSubmatch(out)
	if number == nil {
		n.Fatalf("no case of class A in:\n%s", out)
	}
	n.until(20*time.Second, `^state +tombstoned`, "validator", "show", operator)
	n.until(20*time.Second, `CometBFT.s set is the same`, "validator", "list")
	if out := n.must("operator", "show", operator); !strings.Contains(out, "hold 2000.000000") {
		n.Fatalf("nothing is held before the slash:\n%s", out)
	}
	out = n.until(60*time.Second, `double_sign, EXECUTED`, "case", "show", number[1])
	for _, moment := range []string{"opened", "executed"} {
		if !strings.Contains(out, moment) {
			n.Errorf("no %q in:\n%s", moment, out)
		}
	}
	if out := n.must("operator", "show", operator); !strings.Contains(out, "18000.000000 tokens") {
		n.Fatalf("not slashed by a tenth:\n%s", out)
	}
	if out, err := n.mprd("operator", "bond", "1", "--from", operator); err == nil || !strings.Contains(out, "stake/4") {
		n.Fatalf("a tombstoned operator bonds: %v\n%s", err, out)
	}
	if out := n.must("case", "list"); strings.Count(out, "double_sign") != 1 {
		n.Errorf("one key, one tombstone, one slash:\n%s", out)
	}
}

func (n *network) leaves(operator string, node int) {
	n.Helper()
	n.must("validator", "leave", "--from", operator)
	n.until(40*time.Second, `^power +0 .*0 in CometBFT`, "validator", "show", operator)
	n.must("localnet", "stop", fmt.Sprint(node), "--dir", n.net())
	n.until(20*time.Second, `CometBFT.s set is the same`, "validator", "list")
	n.must("action", "request", "scale", "gw-dev", "4", "--from", "agent-a") // it goes on
}

// conserves holds the supply identity as it is counted from the outside.
func (n *network) conserves() {
	n.Helper()
	n.must("economics", "pools")
}

func (n *network) keyFile(node int) string {
	return filepath.Join(n.net(), fmt.Sprintf("node%d", node), "config", "priv_validator_key.json")
}

func (n *network) balance(name string) uint64 {
	n.Helper()
	out := n.must("account", "show", name, "-o", "json")
	found := regexp.MustCompile(`"balance": ([0-9]+)`).FindStringSubmatch(out)
	if found == nil {
		n.Fatalf("no balance in:\n%s", out)
	}
	units, err := strconv.ParseUint(found[1], 10, 64)
	if err != nil {
		n.Fatal(err)
	}
	return units
}
