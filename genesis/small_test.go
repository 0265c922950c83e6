package genesis

import (
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"mprd/policy"
	"mprd/state"
)

//go:embed testdata/small.json
var smallText string

const smallRules = "@id(\"all\")\npermit (principal, action, resource)\nwhen { principal.class != \"service\" };\n"

const smallTests = `[{"name": "an agent scales", "expect": "allow", "policies": ["all"], "request": {
  "principal": {"address": "a", "class": "agent"}, "action": {"op": "Scale", "replicas": 2},
  "resource": {"id": "r", "fleet": "f"}, "context": {}}}]
`

// smallBundle is the least that a policy can be, with a test of its own.
func smallBundle(t testing.TB) policy.Bundle {
	t.Helper()
	b, err := policy.NewBundle(map[string][]byte{
		policy.ManifestPath: []byte(`{"format": 1, "engine": "` + policy.Engine + `", "parent": ""}`),
		policy.SchemaPath:   policy.Schema(), "policies/all.cedar": []byte(smallRules),
		"tests/all.json": []byte(smallTests),
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// small is testdata/small.json with the bundle joined to its text, changed by pairs of old and new text. The
// first place of the old text is changed; there must be one.
func small(t testing.TB, edits ...string) string {
	t.Helper()
	var files []string
	for _, f := range smallBundle(t).Files {
		content, err := json.Marshal(string(f.Content))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, `    "`+f.Path+`": `+string(content))
	}
	text := strings.Replace(smallText, "{POLICY}", "{\n"+strings.Join(files, ",\n")+"\n  }", 1)
	for i := 0; i < len(edits); i += 2 {
		if !strings.Contains(text, edits[i]) {
			t.Fatalf("nothing to change: %q is not in the document", edits[i])
		}
		text = strings.Replace(text, edits[i], edits[i+1], 1)
	}
	return text
}

// smallKey is the consensus key of the small document's validator, whose power is 10000.
const smallKey = "GxOgbvWVKzQ3LO5TALcVdmwBowRheEsKF2w8E7x7Zig="

// wrapped is CometBFT's genesis file around an app_state with the small document's validator.
func wrapped(appState string) string {
	key, err := base64.StdEncoding.DecodeString(smallKey)
	if err != nil {
		panic(err)
	}
	return wrappedFor(appState, []state.Seat{{Key: key, Power: 10_000}})
}

// wrappedFor is the file with these validators.
func wrappedFor(appState string, set []state.Seat) string {
	var list []string
	for i, v := range set {
		list = append(list, fmt.Sprintf(`
    {
      "address": "",
      "pub_key": {
        "type": "tendermint/PubKeyEd25519",
        "value": "%s"
      },
      "power": "%d",
      "name": "node%d"
    }`, base64.StdEncoding.EncodeToString(v.Key), v.Power, i))
	}
	validators := strings.Join(list, ",")
	return `{
  "genesis_time": "2026-06-02T12:00:00.5Z",
  "chain_id": "mprd-test-1",
  "initial_height": "1",
  "consensus_params": {
    "block": {"max_bytes": "25165824", "max_gas": "-1"},
    "evidence": {
      "max_age_num_blocks": "3024000",
      "max_age_duration": "604800000000000",
      "max_bytes": "1048576"
    },
    "validator": {"pub_key_types": ["ed25519"]},
    "version": {"app": "1"},
    "abci": {"vote_extensions_enable_height": "0"},
    "authority": {"authority": ""}
  },
  "validators": [` + validators + `
  ],
  "app_hash": "",
  "app_state": ` + appState + `}
`
}

func mustParse(t testing.TB, text string) *Document {
	t.Helper()
	d, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}
