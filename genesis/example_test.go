package genesis

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"mprd/policy"
	"mprd/state"
	"mprd/tx"
)

const example = "../examples/model-fleet/"

func read(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(example + name)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// fleet is the example, joined with its policy.
func fleet(t testing.TB) *Document {
	t.Helper()
	d, err := ParsePartial(read(t, "genesis.json"))
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := policy.ReadDir(os.DirFS(example + "policy"))
	if err != nil {
		t.Fatal(err)
	}
	d.Join(bundle)
	for i := range d.Validators { // its nodes' keys are made with the nodes
		key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i)}, ed25519.SeedSize)).Public()
		d.Validators[i].PublicKey = hexBytes(key.(ed25519.PublicKey))
	}
	return d
}

func TestTheExampleIsAGenesis(t *testing.T) {
	d := fleet(t)
	if err := d.Validate(); err != nil {
		t.Fatal(err)
	}
	text, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if list := ValidateFile([]byte(wrappedFor(string(text), d.ValidatorSet()))); list != nil {
		t.Errorf("in a genesis file: %s", told(list))
	}
	o := applied(t, d)
	if total, genesis := state.Total(o); total != genesis || total == 0 {
		t.Errorf("supply %d, accounts and pools hold %d", genesis, total)
	}
	for _, id := range []string{"gw-prod-eu", "gw-prod-us", "gw-staging-eu", "gw-dev"} {
		if row, ok := state.Targets.Get(o, id); !ok || row.ExecutorGroup != state.GroupNone {
			t.Errorf("target %s: %v, want one without executors", id, row)
		}
	}
}

// TestTheDemoKeysAreThoseOfTheirNames holds keys.json, keys.md and genesis.json together.
func TestTheDemoKeysAreThoseOfTheirNames(t *testing.T) {
	var seeds map[string]string
	if err := json.Unmarshal(read(t, "keys.json"), &seeds); err != nil {
		t.Fatal(err)
	}
	d, page := fleet(t), string(read(t, "keys.md"))
	if len(seeds) != len(d.Accounts) {
		t.Errorf("%d keys, %d accounts", len(seeds), len(d.Accounts))
	}
	for name, text := range seeds {
		seed := sha256.Sum256([]byte("mprd demo key: " + name))
		if hex.EncodeToString(seed[:]) != text {
			t.Errorf("%s: seed is not SHA-256 of its name", name)
		}
		key, err := tx.KeyFromSeed(seed[:])
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(d.Accounts, func(a Account) bool { return a.Address == key.Address() })
		if i < 0 {
			t.Errorf("%s: %s is no account", name, key.Address())
			continue
		}
		a := &d.Accounts[i]
		if !slices.Equal(a.PublicKey, key.PublicKey().Key) {
			t.Errorf("%s: another key", name)
		}
		if line := "| " + name + " | `" + a.Address.String() + "` | " + a.Entity + " |"; !strings.Contains(page, line) {
			t.Errorf("keys.md lacks %q", line)
		}
		if strings.HasPrefix(name, "approver-") != slices.Contains(d.Committees.Approvers.Members, a.Address) {
			t.Errorf("%s: name and committee disagree", name)
		}
	}
	if page := string(read(t, "keys.md")); !strings.Contains(page, "public and worthless") {
		t.Error("keys.md does not say what the keys are worth")
	}
}

// TestTheExampleFitsItsPolicy: a role that no rule knows, or a rule for a role that nobody has, is a slip.
func TestTheExampleFitsItsPolicy(t *testing.T) {
	d := fleet(t)
	var rules strings.Builder
	for path, text := range d.Policy {
		if strings.HasPrefix(path, policy.PoliciesDir) {
			rules.WriteString(text)
		}
	}
	held := map[string]bool{}
	for _, a := range d.Accounts {
		for _, role := range a.Roles {
			held[role] = true
			if !strings.Contains(rules.String(), `MPRD::Role::"`+role+`"`) {
				t.Errorf("no rule knows the role %s", role)
			}
		}
	}
	for _, part := range strings.Split(rules.String(), `MPRD::Role::"`)[1:] {
		if role, _, _ := strings.Cut(part, `"`); !held[role] {
			t.Errorf("nobody has the role %s", role)
		}
	}
}
