// Package testchain is a whole chain without CometBFT for tests: the real state machine over the real store
// in memory, with a fixed cast of accounts, targets and rules. Test-only.
package testchain

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"mprd/genesis"
	"mprd/policy"
	"mprd/tx"
)

// ID is the chain's id.
const ID = "mprd-test-1"

// GenesisMs is the genesis time: Tuesday, 2026-06-02 12:00 UTC.
const GenesisMs = 1_780_401_600_000

// Balance is what everyone starts with, in base units.
const Balance = 1_000 * tx.UnitsPerToken

//go:embed policies/rules.cedar
var rules []byte

// actor is one of the cast. Names double as seeds.
type actor struct {
	name, class, entity string
	roles               []string
	operator            bool
	executes            string // its executor group
}

var cast = []actor{
	{"agent-a", "agent", "acme", []string{"autoscaler"}, true, ""},
	{"agent-b", "agent", "borealis", []string{"autoscaler"}, true, ""},
	{"human-a", "human", "acme", []string{"sre"}, true, ""},
	{"service-a", "service", "acme", nil, true, ""},
	{"approver-1", "human", "acme", nil, false, ""},
	{"approver-2", "human", "borealis", nil, false, ""},
	{"approver-3", "human", "cirrus", nil, false, ""},
	{"approver-4", "human", "delta", nil, false, ""},
	{"approver-5", "human", "ember", nil, false, ""},
	{"approver-2b", "human", "borealis", nil, false, ""}, // second member of one entity
	{"outsider", "human", "foxtrot", nil, false, ""},     // a person, but in no committee
	{"plain", "agent", "", nil, false, ""},               // an account and nothing more
	{"pauper", "agent", "", nil, false, ""},              // owns less than a fee
	{"exec-1", "service", "golf", nil, true, "fleet"},    // executors of the group "fleet"
	{"exec-2", "service", "hotel", nil, true, "fleet"},
	{"exec-3", "service", "india", nil, true, "fleet"},
	{"exec-4", "service", "juliet", nil, true, "fleet"},
	{"exec-4b", "service", "juliet", nil, true, "fleet"}, // second executor of one entity
	{"exec-a", "service", "acme", nil, true, "fleet"},    // of the requesters' entity
	{"val-1", "service", "kilo", nil, true, ""},          // have stake for a validator each: see WithValidators
	{"val-2", "service", "lima", nil, true, ""},
	{"val-3", "service", "mike", nil, true, ""},
	{"val-4", "service", "november", nil, true, ""},
}

// Key is the key of a name: its seed is SHA-256("mprd test key: " + name).
func Key(name string) *tx.Key {
	seed := sha256.Sum256([]byte("mprd test key: " + name))
	key, err := tx.KeyFromSeed(seed[:])
	if err != nil {
		panic(err)
	}
	return key
}

// NameOf is who of the cast has an address; empty if nobody.
func NameOf(address []byte) string {
	for _, a := range cast {
		if Address(a.name) == tx.AddressFrom(address) {
			return a.name
		}
	}
	return ""
}

// Address is the address of a name.
func Address(name string) tx.Address { return Key(name).Address() }

// Bundle is the policy of the tests.
func Bundle() policy.Bundle {
	b, err := policy.NewBundle(map[string][]byte{
		policy.ManifestPath:    []byte(`{"format": 1, "engine": "` + policy.Engine + `", "parent": ""}`),
		policy.SchemaPath:      policy.Schema(),
		"policies/rules.cedar": rules,
	})
	if err != nil {
		panic(err)
	}
	return b
}

type object = map[string]any

// AppState is the genesis document as JSON. edit may change it before it is written.
func AppState(edit func(doc map[string]any)) []byte {
	var accounts, operators []object
	for _, a := range cast {
		balance := uint64(Balance)
		if a.name == "pauper" {
			balance = 10
		}
		accounts = append(accounts, object{
			"address": Address(a.name), "public_key": hex.EncodeToString(Key(a.name).PublicKey().Key),
			"balance": balance, "class": a.class, "entity": a.entity, "roles": append([]string{}, a.roles...),
		})
		if a.operator {
			groups := []string{}
			if a.executes != "" {
				groups = append(groups, a.executes)
			}
			operators = append(operators, object{"address": Address(a.name), "executor_groups": groups,
				"stake": stakeOf(a.name), "reputation": 1_000_000})
		}
	}
	committee := func(k int, names ...string) object {
		var members []tx.Address
		for _, name := range names {
			members = append(members, Address(name))
		}
		return object{"members": members, "threshold": k}
	}
	approvers := []string{"approver-1", "approver-2", "approver-3", "approver-4", "approver-5", "approver-2b"}
	doc := object{
		"accounts": accounts, "operators": operators,
		"committees": object{
			"approvers": committee(3, approvers...),
			"governors": committee(3, approvers[:5]...),
			"guardians": committee(2, approvers[:3]...),
		},
		"targets": []object{target("gw-prod", "prod", "none"), target("gw-dev", "dev", "none"),
			target("gw-exec", "dev", "gateway-fleet"), // a group that nobody serves
			target("gw-run", "dev", "fleet"), target("gw-run-prod", "prod", "fleet"),
			fragile(target("gw-once", "dev", "fleet"))},
		"pools": object{"treasury": uint64(5_000 * tx.UnitsPerToken),
			"rewards": uint64(10_000 * tx.UnitsPerToken)},
		"policy": files(Bundle()),
	}
	if edit != nil {
		edit(doc)
	}
	raw, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		panic(err)
	}
	return raw
}

func files(b policy.Bundle) object {
	list := object{}
	for _, f := range b.Files {
		list[f.Path] = string(f.Content)
	}
	return list
}

func target(id, tier, group string) object {
	return object{
		"id": id, "fleet": "chat", "tier": tier, "region": "eu", "critical": tier == "prod",
		"labels": object{"team": "serving"}, "executor_group": group, "idempotent": true, "fenced": false,
		"value_at_risk_min": 100,
		"bounds": object{
			"replicas_min": 1, "replicas_max": 20, "requests_per_second_max": 10_000,
			"burst_max": 1_000_000, "backends": []string{"blue", "green"}, "credentials": []string{"tls"},
		},
		"spec": object{
			"generation": 1, "replicas": 4, "requests_per_second": 1000, "burst": 200, "paused": false,
			"backends":    []object{{"name": "blue", "weight_bps": 5000}, {"name": "green", "weight_bps": 5000}},
			"credentials": []object{},
		},
	}
}

// fragile is a target that is neither idempotent nor fenced.
func fragile(target object) object {
	target["idempotent"] = false
	return target
}

// ValidatorNames are those of the cast who have stake for a validator.
func ValidatorNames() []string { return []string{"val-1", "val-2", "val-3", "val-4"} }

func stakeOf(name string) uint64 {
	if slices.Contains(ValidatorNames(), name) {
		return 20_000 * tx.UnitsPerToken
	}
	return 10_000 * tx.UnitsPerToken
}

// ConsensusKey is a validator's consensus key: its seed is SHA-256("mprd test consensus key: " + name).
func ConsensusKey(name string) *tx.Key {
	seed := sha256.Sum256([]byte("mprd test consensus key: " + name))
	key, err := tx.KeyFromSeed(seed[:])
	if err != nil {
		panic(err)
	}
	return key
}

// WithValidators has the four validators of the cast validate from genesis.
func WithValidators(doc map[string]any) {
	var list []object
	for _, name := range ValidatorNames() {
		list = append(list, object{"operator": Address(name),
			"public_key": hex.EncodeToString(ConsensusKey(name).PublicKey().Key)})
	}
	doc["validators"] = list
}

// WithPlaces has the four validators of the cast validate with the keys of the nodes that are set up.
func WithPlaces(doc map[string]any) {
	var list []object
	for _, name := range ValidatorNames() {
		list = append(list, object{"operator": Address(name)})
	}
	doc["validators"] = list
}

// Genesis is the parsed document.
func Genesis(edit func(doc map[string]any)) (*genesis.Document, error) {
	doc, err := genesis.Parse(AppState(edit))
	if err != nil {
		return nil, fmt.Errorf("test genesis: %w", err)
	}
	return doc, nil
}

// Names lists the cast.
func Names() []string {
	names := make([]string, len(cast))
	for i, a := range cast {
		names[i] = a.name
	}
	return names
}
