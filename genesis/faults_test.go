package genesis

import (
	"slices"
	"strings"
	"testing"
)

// spoiled is one thing made wrong in the small document, and what is said of it.
type spoiled struct {
	old, new string // the first place of old becomes new
	at       string // on the line of whose first place the fault is
	path     string
	text     string // part of what is said
	others   int    // faults that follow from it
}

const (
	autoscaler = "mprd1ky8mhunz34y409a38hl0gf6qfqk5pefkt6u63g"
	rotator    = "mprd1chpslgl8k028xt0s89r92vavfhe2lpuuyux2l9"
	approver1  = "mprd1cvaa3ucctn6czx4mdvev2u4w3njtj2tdxaah4s"
	approver2  = "mprd1v9qtnkhg2v3gx6f264yhad2h333lgs5qjxe06j"
	approver4  = "mprd1l4jjzn6vgjhhj8danuensljml3qhw5s3eppsur"
	stranger   = "mprd1rvam8cnt0hpednhfds2lcvpvlc0h464hvj0xsd"
)

var wrongForm = []spoiled{
	{`"gap_ms": 500`, `"gap_ms": 500.0`, `500.0`, "params.gap_ms", `"500.0", want a whole number`, 0},
	{`"gap_ms": 500`, `"gap_ms": 5e2`, `5e2`, "params.gap_ms", `"5e2", want a whole number`, 0},
	{`"gap_ms": 500`, `"gap_ms": -1`, `-1`, "params.gap_ms", `"-1", want a whole number`, 0},
	{`"gap_ms": 500`, `"gap_ms": 18446744073709551616`, `gap_ms`, "params.gap_ms", "does not fit in 64 bits", 0},
	{`"gap_ms": 500`, `"gap_ms": "500"`, `gap_ms`, "params.gap_ms", "a text, want a number", 0},
	{`"gap_ms"`, `"gap_sm"`, `gap_sm`, "params.gap_sm", "unknown field; known here: gap_ms, token_life", 0},
	{`[0, 0, 3, 0, 3]`, `[0, 0, 3.5, 0, 3]`, `3.5`, "params.min_k[2]", "want a whole number", 0},
	{`"balance": 1000000000`, `"balance": "01000"`, `"01000"`, "accounts[0].balance", "want a whole number", 0},
	{`"balance": 1000000000`, `"balance": ""`, `"balance": ""`, "accounts[0].balance", "want a whole number", 0},
	{`"balance": 1000000000`, `"balance": "+5"`, `"+5"`, "accounts[0].balance", "want a whole number", 0},
	{`"balance": 1000000000`, `"balance": true`, `true`, "accounts[0].balance", "true, want a number", 0},
	{`"balance": 1000000000`, `"balence": 1000000000`, `balence`, "accounts[0].balence", "unknown field", 1},
	{`      "balance": 1000000000,`, ``, "    {\n      \"address", "accounts[0].balance", "is absent", 0},
	{`"class": "agent"`, `"Class": "agent"`, `"Class"`, `accounts[0]["Class"]`, "unknown field", 1},
	{`"class": "agent",`, "\"class\": \"agent\",\n\"class\":\n[{}, 1],", "\"class\":\n", "accounts[0].class",
		"stands there twice", 0},
	{`"entity": "acme-security"`, `"entity": null`, `null`, "accounts[1].entity", "null, want a text", 0},
	{`"entity": "acme-security"`, `"entity": "a\ud800b"`, `\ud800`, "accounts[1].entity", "half a character", 0},
	{`"roles": []`, `"roles": {"a": [{}]}`, `{"a"`, "accounts[1].roles", "an object, want a list", 0},
	{`"roles": []`, `"roles": [["a"]]`, `[["a"]]`, "accounts[1].roles[0]", "a list, want a text", 0},
	{`"public_key": "a849bc`, `"public_key": "A849bc`, `A849bc`, "accounts[0].public_key", "lower-case", 0},
	{`"public_key": "a849bc`, `"public_key": "49bc`, `"49bc`, "accounts[0].public_key", "want 64", 0},
	{`"public_key": "a849bc`, `"public_key": "xx49bc`, `xx49bc`, "accounts[0].public_key", "want 64", 0},
	{autoscaler, autoscaler[:42] + "q", autoscaler[:42] + "q", "accounts[0].address", "mistyped", 0},
	{`"committees": {`, `"committees": 7, "comm": {`, `: 7, "comm"`, "committees", "a number, want an object", 1},
	{`"governors": {`, `"gov": {`, `"gov"`, "committees.gov", "unknown field", 1},
	{`"threshold": 3`, `"threshold": 4294967296`, `4294967296`, "committees.approvers.threshold", "32 bits", 0},
	{`"critical": true`, `"critical": 1`, `"critical": 1`, "targets[0].critical", "a number, want true or false", 0},
	{`"kind": "gateway"`, `"team": "gateway"`, `"team": "gateway"`, "targets[0].labels.team", "twice", 0},
	{`"kind": "gateway"`, `"kind": 1`, `"kind": 1`, "targets[0].labels.kind", "a number, want a text", 0},
	{`"kind": "gateway"`, `"\udc00": "x"`, `\udc00`, `targets[0].labels["�"]`, "half a character", 0},
	{`"labels": {`, `"labels": [], "x": {`, `[], "x"`, "targets[0].labels", "a list, want an object", 1},
	{`"weight_bps": 2500`, `"weight": 2500`, `"weight": 2500`, "targets[0].spec.backends[0].weight", "unknown", 1},
	{`"pools": {`, `"pools": {"burn": 1,`, `"burn"`, "pools.burn", "unknown field; known here: treasury, rewards", 0},
	{`"pools": {`, `"x` + "\x7f" + `\n": 1, "pools": {`, `\n": 1`, `["x\x7f\n"]`, "unknown field", 0},
}

var wrongParams = []spoiled{
	{`"gap_ms": 500`, `"gap_ms": 5`, `"gap_ms"`, "params.gap_ms", "gap_ms is 5, want 10", 0},
	{`"gap_ms": 500`, `"attempts_max": 16`, `"params"`, "params", "above deadline_ms_max", 0},
	{`[0, 0, 3, 0, 3]`, `[0, 0, 3, 0]`, `"min_k"`, "params.min_k", "min_k has 4 entries", 0},
	{`[0, 0, 3, 0, 3]`, `[0, 0, 4, 0, 3]`, `"approvers": {`, "committees.approvers", "min_k asks for 4", 0},
	{`[0, 0, 3, 0, 3]`, `[0, 0, 4294967295, 0, 3]`, `"approvers": {`, "committees.approvers", "4294967295", 0},
	{`"slash_downtime": 0`, `"stake_min": 0`, `"stake_min"`, "params.economics.stake_min", "want 1 to", 0},
	{`"slash_downtime": 0`, `"unbonding_ms": 1000`, `"unbonding_ms"`, "params.economics.unbonding_ms",
		"report + dispute", 0},
	{`"slash_downtime": 0`, `"power_unit": 2500000001`, `"economics"`, "params.economics.stake_min",
		"stake_min 10000000000 is less than 4 power_unit", 0},
	{`"slash_downtime": 0`, `"route_burn": 0`, `"economics"`, "params.economics",
		"the router's rates sum to 800000 ppm", 0},
	{`"slash_downtime": 0`, `"stake_min": 20000000000`, `"stake": 1`, "operators[0].stake",
		"none or stake_min", 2},
	{`"slash_downtime": 0`, `"slash_down": 0`, `"slash_down"`, "params.economics.slash_down",
		"unknown field; known here: stake_min", 0},
	{`"slash_downtime": 0`, `"slash_live": "1"`, `"slash_live"`, "params.economics.slash_live",
		"want a number", 0},
	{`"skew_ms_max": 0`, `"stake_cap": 0`, `"stake_cap"`, "params.stake_cap", "unknown field", 0},
	{`"slash_downtime": 0`, `"whistle_rate": 999999`, `"economics"`, "params.economics",
		"not incentive compatible", 0},
	{`"slash_downtime": 0`, `"reward_rate": 400`, `"economics"`, "params.economics",
		"taking part does not pay: 4000000 a month for a cost of 5000000", 0},
	{`"gap_ms": 500`, `"operators_max": 1`, `"operators": [`, "operators", "2 operators, operators_max is 1", 0},
}

var wrongAccounts = []spoiled{
	{`a849bc530aadba524c05369285e5d17a36a05fdded75f39bd0bec3ec7e3e0f17`, strings.Repeat("00", 32), `0000`,
		"accounts[0].public_key", "not an ordinary ed25519 key", 0},
	{`a849bc530aadba524c05369285e5d17a36a05fdded75f39bd0bec3ec7e3e0f17`,
		`5aa848fd8e41a7857b8cfb96b12b0ed444de8c3fa162c30efb273fbf414fe489`, autoscaler, "accounts[0].address",
		"the key's address is " + approver1, 0},
	{`      "address": "` + rotator + `",
      "public_key": "45054eb60ef329f20e8294eefa186573dbe0096abf81b8f6720dd62e3e34e548",`,
		`  "address":   "` + autoscaler + `",
      "public_key": "a849bc530aadba524c05369285e5d17a36a05fdded75f39bd0bec3ec7e3e0f17",`,
		`"address":   "`, "accounts[1].address", autoscaler + " stands there twice", 1},
	{`"class": "agent"`, `"class": "robot"`, `robot`, "accounts[0].class", `"robot", want human, agent or`, 0},
	{`"entity": "acme-security"`, `"entity": "Acme"`, `"Acme"`, "accounts[1].entity", "only a-z", 0},
	{`["autoscaler", "zone-2"]`, `["b", "b"]`, `["b"`, "accounts[0].roles", "each once", 0},
	{`["autoscaler", "zone-2"]`, `["b\u001b"]`, `["b\u`, "accounts[0].roles", "only a-z", 0},
	{`"autoscaler", "zone-2"`, `"r"` + strings.Repeat(`, "r"`, RolesMax), `"r"`, "accounts[0].roles",
		"more than 16 elements", 0},
	{`"balance": 1000000000`, `"balance": 1000000000000000`, `1000000000000000`, "accounts[0].balance",
		"with which the supply is above its limit", 0},
	{`"balance": 1000000000`, `"balance": 18446744073709551615`, `1844674`, "accounts[0].balance",
		"with which the supply is above its limit", 0},
	{`"treasury": 5000000000`, `"treasury": "18446744073709551615"`, `"treasury"`, "pools.treasury",
		"with which the supply is above its limit", 0},
	{`"rewards": 2000000000`, `"rewards": 999999000000000`, `"rewards"`, "pools.rewards",
		"with which the supply is above its limit", 0},
	{`"insurance": 1000000000`, `"insurance": 999999000000000`, `"insurance"`, "pools.insurance",
		"above its limit", 0},
}

var wrongOperators = []spoiled{
	{`"operators": [
    {
      "address": "` + autoscaler, `"operators": [
    {
      "address":  "` + stranger, `"address":  `, "operators[0].address", stranger + " is no account", 1},
	{`"operators": [
    {
      "address": "` + autoscaler, `"operators": [
    {
      "address": "` + rotator, rotator + "\",\n      \"executor_groups\": [\"vault\"", "operators[1].address",
		"stands there twice", 1},
	{`"entity": "acme-security",`, ``, `["vault"`, "operators[1].executor_groups", "without an entity", 0},
	{`["vault", "gateway"]`, `["none"]`, `["none"]`, "operators[1].executor_groups", "without executors", 0},
	{`["vault", "gateway"]`, `["a", "a"]`, `["a", "a"]`, "operators[1].executor_groups", "each once", 0},
	{`["vault", "gateway"]`, `["a"` + strings.Repeat(`, "a"`, 16) + `]`, `["a", "a"`,
		"operators[1].executor_groups", "more than 16 elements", 0},
	{`"reputation": 700000`, `"reputation": 1000001`, `1000001`, "operators[0].reputation", "limit 1000000", 0},
	{`"stake": 10000000000`, `"stake": 999990000000001`, `0000001`, "operators[0].stake",
		"with which the supply is above its limit", 0},
	{`"stake": 10000000000`, `"stake": 9999999999`, `9999999999`, "operators[0].stake",
		"9999999999, want none or stake_min, 10000000000", 1},
	{`["vault", "gateway"],
      "stake": 10000000000`, `["vault", "gateway"],
      "stake": 0`, `"stake": 0`, "operators[1].stake", "of an executor stake_min is asked", 0},
}

const consensusKey = "1b13a06ef5952b34372cee5300b715766c01a30461784b0a176c3c13bc7b6628"

var wrongValidators = []spoiled{
	{`"operator": "` + autoscaler, `"operator": "` + approver1, `"operator"`, "validators[0].operator",
		approver1 + " is no operator", 0},
	{`"public_key": "` + consensusKey, `"public_key": "` + strings.Repeat("00", 32), `"public_key": "00`,
		"validators[0].public_key", "not an ordinary ed25519 key", 0},
	{`"public_key": "` + consensusKey, `"public_key":  "a849bc530aadba524c05369285e5d17a36a05fdded75f39bd0bec3ec7e3e0f17`,
		`"public_key":  "`, "validators[0].public_key", "is an account's key", 0},
	{`"public_key": "` + consensusKey + `"`, `"public_key": ""`, `"public_key": ""`, "validators[0].public_key",
		"want 64", 0},
	{",\n      \"public_key\": \"" + consensusKey + `"`, ``, "    {\n      \"operator\"", "validators[0].public_key",
		"is absent", 0},
	{`"operator": "` + autoscaler + `",`, `"operater": 1,`, `"operater"`, "validators[0].operater", "unknown field", 1},
	{`"validators": [`, `"validators": [
    {"operator": "` + rotator + `", "public_key": "` + consensusKey + `"},`, `      "public_key": "` + consensusKey,
		"validators[1].public_key", "stands there twice", 0},
	{`"validators": [`, `"validators": [
    {"operator": "` + autoscaler + `", "public_key": "` + strings.Repeat("11", 32) + `"},`,
		`      "operator": "` + autoscaler, "validators[1].operator", "stands there twice", 0},
	{`"validators_min": 1`, `"validators_min": 2`, `"validators": [`, "validators",
		"1 validators, validators_min is 2", 0},
}

var wrongCommittees = []spoiled{
	{`"members": [
        "` + approver1, `"members": [
          "` + stranger, `          "` + stranger, "committees.approvers.members[0]", "is no account", 1},
	{`"members": [
        "` + approver1, `"members": [
          "` + rotator, `          "` + rotator, "committees.approvers.members[0]", "not a person", 1},
	{`"members": [
        "` + approver1, `"members": [
          "` + approver2, `        "` + approver2 + "\",\n        \"mprd1hh", "committees.approvers.members[1]",
		"stands there twice", 1},
	{`"entity": "acme-sre",`, ``, `        "` + approver2, "committees.approvers.members[1]", "not a person", 2},
	{`"threshold": 3`, `"threshold": 0`, `"threshold": 0`, "committees.approvers.threshold", "want 1 to the 4", 0},
	{`"threshold": 3`, `"threshold": 5`, `"threshold": 5`, "committees.approvers.threshold", "want 1 to the 4", 0},
	{`"threshold": 3`, `"threshold": 4294967295`, `4294967295`, "committees.approvers.threshold", "want 1 to", 0},
	{`"members": [
        "` + approver4 + `"
      ]`, `"members":  []`, `"members":  []`, "committees.guardians.members", "0 members, want 1 to 64", 1},
}

var wrongTargets = []spoiled{
	{`"id": "gw-prod"`, `"id": ""`, `"id": ""`, "targets[0].id", "0 bytes, want 1 to 64", 0},
	{`"id": "queue-dev"`, `"id":  "gw-prod"`, `"id":  "gw-prod"`, "targets[1].id", "stands there twice", 0},
	{`"fleet": "chat"`, `"fleet": "-chat"`, `"-chat"`, "targets[0].fleet", "only a-z", 0},
	{`"tier": "prod"`, `"tier": "prod eu"`, `"prod eu"`, "targets[0].tier", "only a-z", 0},
	{`"region": "eu"`, `"region": "é"`, `"é"`, "targets[0].region", "only a-z", 0},
	{`"executor_group": "gateway"`, `"executor_group": ""`, `"executor_group": ""`, "targets[0].executor_group",
		"0 bytes", 0},
	{`"kind": "gateway"`, `"Kind!": "gateway"`, `"Kind!"`, `targets[0].labels["Kind!"]`, "only a-z", 0},
	{`"kind": "gateway"`, `"kind": "a\u001b[2J"`, `\u001b`, "targets[0].labels.kind", "unprintable U+001B", 0},
	{`"kind": "gateway"`, `"kind": "` + strings.Repeat("x", 257) + `"`, `xxx`, "targets[0].labels.kind",
		"257 bytes, limit 256", 0},
	{`"value_at_risk_min": "1000"`, `"value_at_risk_min": 1000000000000001`, `0000001`,
		"targets[0].value_at_risk_min", "limit 1000000000000000", 0},
	{`"replicas_min": 1`, `"replicas_min": 21`, `"replicas_min"`, "targets[0].bounds.replicas_min", "above", 1},
	{`["green", "blue"]`, `["green", "blue", "blue"]`, `"blue", "blue"`, "targets[0].bounds.backends",
		"each once", 0},
	{`["tls-edge", "api-admin"]`, `["tls-edge", "api-admin", ""]`, `"api-admin", ""`,
		"targets[0].bounds.credentials", "0 bytes", 0},
	{`"requests_per_second_max": 1000`, `"requests_per_second_max": 1000000000001`, `0000001`,
		"targets[0].bounds.requests_per_second_max", "limit 1000000000000", 0},
	{`"burst_max": 5000`, `"burst_max": 1000000000001`, `0000001`, "targets[0].bounds.burst_max", "limit", 0},
	{`"generation": 7`, `"generation": 0`, `"generation": 0`, "targets[0].spec.generation", "at least 1", 0},
	{`"replicas": 4`, `"replicas": 0`, `"replicas": 0`, "targets[0].spec.replicas", "0, bounds are 1 to 20", 0},
	{`"replicas": 4`, `"replicas": 21`, `"replicas": 21`, "targets[0].spec.replicas", "bounds are 1 to 20", 0},
	{`"bounds": {}`, `"bounds": {"replicas_min": 1, "replicas_max": 1}`, `"spec": {"gen`,
		"targets[1].spec.replicas", "0, bounds are 1 to 1", 0},
	{`"requests_per_second": 100`, `"requests_per_second": 1001`, `1001`, "targets[0].spec.requests_per_second",
		"1001, bound is 1000", 0},
	{`"burst": 50`, `"burst": 5001`, `5001`, "targets[0].spec.burst", "5001, bound is 5000", 0},
	{`"weight_bps": 2500`, `"weight_bps": 2501`, "\"backends\": [\n", "targets[0].spec.backends",
		"weights sum to 10001 basis points, want 10000", 0},
	{`{"name": "green"`, `{"name": "blue"`, "\"backends\": [\n", "targets[0].spec.backends", "each once", 0},
	{`{"name": "green"`, `{"name": "red"`, `"red"`, "targets[0].spec.backends[0].name", "not in the bounds", 0},
	{`"bounds": {}`, `"bounds": {"backends": ["a"]}`, `"spec": {"gen`, "targets[1].spec.backends",
		"weights sum to 0", 0},
	{`{"name": "tls-edge"`, `{"name": "ssh"`, `"ssh"`, "targets[0].spec.credentials[0].name", "not in", 0},
	{`{"name": "tls-edge"`, `{"name": "api-admin"`, `"2026-09"`, "targets[0].spec.credentials[1].name",
		"stands there twice", 0},
	{`"version": "2026-10"`, `"version": ""`, `"version": ""`, "targets[0].spec.credentials[0].version",
		"0 bytes", 0},
	{`"digest": "00`, `"digest": "`, `"tls-edge", "version"`, "targets[0].spec.credentials[0].digest", "want 64", 0},
}

var wrongPolicies = []spoiled{
	{`"policies/all.cedar":`, `"policies/ALL.cedar":`, `ALL.cedar`, `policy["policies/ALL.cedar"]`,
		"no file of a bundle (path)", 0},
	{`permit (principal,`, `permit (principle,`, `"policies/all.cedar"`, `policy["policies/all.cedar"]`,
		"line 2 of the file: ", 0},
	{`principal.class`, `principal.klass`, `"policies/all.cedar"`, `policy["policies/all.cedar"]`, "(type)", 0},
	{`\"expect\": \"allow\"`, `\"expect\": \"deny\"`, `"tests/all.json"`, `policy["tests/all.json"]`,
		`test "an agent scales" fails: decided allow, want deny`, 0},
	{`\"expect\": \"allow\"`, `\"expect\": \"maybe\"`, `"tests/all.json"`, `policy["tests/all.json"]`, "(test)", 0},
	{`"manifest.json":`, `"policies/more.cedar":`, `"policy"`, `policy["manifest.json"]`,
		"is missing", 0},
}

func TestEveryFaultHasItsLineItsPathAndItsWords(t *testing.T) {
	for _, table := range [][]spoiled{
		wrongForm, wrongParams, wrongAccounts, wrongOperators, wrongValidators,
		wrongCommittees, wrongTargets, wrongPolicies,
	} {
		for _, c := range table {
			text := small(t, c.old, c.new)
			d, err := Parse([]byte(text))
			if err == nil || d != nil {
				t.Errorf("%s -> %s: accepted, or a document beside an error", c.old, c.new)
				continue
			}
			line := 1 + strings.Count(text[:max(strings.Index(text, c.at), 0)], "\n")
			c.expect(t, Faults(err), line, c.path)
			file := wrapped(text)
			before := strings.Count(file[:strings.Index(file, text)], "\n")
			c.expect(t, ValidateFile([]byte(file)), before+line, below("app_state", c.path))
		}
	}
}

// expect holds that the fault is among the list and, but for the others that follow from it, alone.
func (c *spoiled) expect(t *testing.T, list []*Error, line int, path string) {
	t.Helper()
	i := slices.IndexFunc(list, func(f *Error) bool { return f.Path == path })
	switch {
	case i < 0:
		t.Errorf("%s -> %s: no fault at %s, but %s", c.old, c.new, path, told(list))
	case list[i].Line != line || !strings.Contains(list[i].Text, c.text):
		t.Errorf("%s -> %s: got %q, want line %d, %q", c.old, c.new, list[i], line, c.text)
	case len(list) != 1+c.others:
		t.Errorf("%s -> %s: want %d others: %s", c.old, c.new, c.others, told(list))
	}
}

func told(list []*Error) string {
	var all []string
	for _, f := range list {
		all = append(all, f.Error())
	}
	return "\n  " + strings.Join(all, "\n  ")
}
