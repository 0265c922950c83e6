package genesis

import (
	"slices"
	"strings"
	"testing"
)

func TestAWholeGenesisFileIsJudgedWithItsOwnLines(t *testing.T) {
	good := wrapped(small(t))
	if list := ValidateFile([]byte(good)); list != nil {
		t.Fatalf("the file itself: %s", told(list))
	}
	const key = smallKey
	second := `"name": "node0"
    },
    {"pub_key": {"type": "tendermint/PubKeyEd25519", "value": "` + key + `"}, "power": "1"}`
	const block, evidence = "consensus_params.block.", "consensus_params.evidence."
	for _, c := range []struct{ old, new, at, path, words string }{
		{`"chain_id": "mprd-test-1"`, `"chain_id": ""`, "chain_id", "chain_id", "0 bytes"},
		{`"chain_id": "mprd-test-1"`, `"chain_id": "a b"`, "chain_id", "chain_id", "only a-z"},
		{`mprd-test-1`, strings.Repeat("a", 51), "chain_id", "chain_id", "51 bytes, limit 50"},
		{`"chain_id"`, `"Chain_ID"`, "Chain_ID", `["Chain_ID"]`, "unknown field"},
		{`"chain_id"`, `"app_state": {}, "chain_id"`, "\"app_state\": {\n", "app_state", "stands there twice"},
		{`"app_state"`, `"app_sate"`, "app_sate", "app_sate", "unknown field"},
		{`2026-06-02T12:00:00.5Z`, `yesterday`, "yesterday", "genesis_time", "want a time"},
		{`2026-06-02T12:00:00.5Z`, `0001-01-01T00:00:00Z`, "0001", "genesis_time", "want a time"},
		{`"initial_height": "1"`, `"initial_height": "2"`, `"2"`, "initial_height", `"2", want "1"`},
		{`"initial_height": "1"`, `"initial_height": 1`, `t": 1`, "initial_height", "a number, want a text"},
		{`"power": "10000"`, `"power": "0"`, `"power"`, "validators[0].power", `"0", want "1" to`},
		{`"power": "10000"`, `"power": "-1"`, `"power"`, "validators[0].power", `"-1", want "1" to`},
		{`"power": "10000"`, `"power": "1152921504606846976"`, `"power"`, "validators[0].power", "want"},
		{`tendermint/PubKeyEd25519`, `tendermint/PubKeySecp256k1`, `"type"`, "validators[0].pub_key.type", "want"},
		{key, "AAAA", `"value"`, "validators[0].pub_key.value", "not an ordinary ed25519 key"},
		{key, strings.Repeat("A", 43) + "=", `"value"`, "validators[0].pub_key.value", "not an ordinary"},
		{`"name": "node0"`, `"name": 1`, `"name": 1`, "validators[0].name", "a number, want a text"},
		{"\"name\": \"node0\"\n    }", second, "\"power\": \"1\"", "validators[1].pub_key.value", "twice"},
		{`"replicas": 4`, `"replicas": 0`, `"replicas": 0`, "app_state.targets[0].spec.replicas", "1 to 20"},
		{`"gap_ms": 500`, `"gap_ms": 1.5`, `1.5`, "app_state.params.gap_ms", "want a whole number"},
		{`"max_bytes": "25165824"`, `"max_bytes": "5308415"`, `5308415`, block + "max_bytes", `want "5308416" to`},
		{`"max_bytes": "25165824"`, `"max_bytes": "-1"`, `"-1", "max`, block + "max_bytes", `"-1", want`},
		{`"max_bytes": "25165824"`, `"max_bytes": "67108865"`, `67108865`, block + "max_bytes", `to "67108864"`},
		{`"max_bytes": "25165824"`, `"max_bytes": 25165824`, `25165824`, block + "max_bytes", "want a text"},
		{`"max_gas": "-1"`, `"max_gas": "1000000"`, `"1000000"`, block + "max_gas", `want "-1"`},
		{`"3024000"`, `"3023999"`, `3023999`, evidence + "max_age_num_blocks", `want "3024000" to "3024000": the`},
		{`"3024000"`, `"3024001"`, `3024001`, evidence + "max_age_num_blocks", `want "3024000" to "3024000": the`},
		{`"slash_downtime": 0`, `"target_block_ms": 100`, `3024000`, evidence + "max_age_num_blocks",
			`want "6048000" to`},
		{`"slash_downtime": 0`, `"report_ms": 518400000`, `604800000000000`, evidence + "max_age_duration",
			`want "518400000000000" to "518400000000000": nanoseconds; the document's report_ms`},
		{`"slash_downtime": 0`, `"report_ms": 518399999`, `"report_ms"`, "app_state.params.economics.report_ms",
			`518399999, want 518400000 to 5184000000`},
		{`"power": "10000"`, `"power": "9999"`, `"power"`, "validators[0].power", `want "10000": the operator's`},
		{key, "qEm8UwqtulJMBTaSheXRejagX93tdfOb0L7D7H4+Dxc=", `"value"`, "validators[0].pub_key.value",
			"is no validator of the document"},
		{key, "qEm8UwqtulJMBTaSheXRejagX93tdfOb0L7D7H4+Dxc=", `"validators"`, "validators", "lacks 1b13a06e"},
		{`"604800000000000"`, `"172800000000000"`, `172800`, evidence + "max_age_duration", `want "604800`},
		{`"604800000000000"`, `"5184000000000001"`, `518400`, evidence + "max_age_duration", `to "604800`},
		{`"604800000000000"`, `"0604800000000000"`, `"06048`, evidence + "max_age_duration", `want "604800`},
		{`"1048576"`, `"0"`, `"max_bytes": "0"`, evidence + "max_bytes", `"0", want "16384" to "1048576"`},
		{`"1048576"`, `"1048577"`, `1048577`, evidence + "max_bytes", `to "1048576"`},
		{`["ed25519"]`, `["ed25519", "secp256k1"]`, `secp256k1`, "consensus_params.validator.pub_key_types", "want"},
		{`["ed25519"]`, `[]`, `"pub_key_types": []`, "consensus_params.validator.pub_key_types", "want"},
		{`"app": "1"`, `"app": "2"`, `"app": "2"`, "consensus_params.version.app", `want "1" to "1"`},
		{`height": "0"`, `height": "1"`, `height": "1"},
    "auth`, "consensus_params.abci.vote_extensions_enable_height", `want "0"`},
		{`"authority": ""`, `"authority": "me"`, `"me"`, "consensus_params.authority.authority", `want ""`},
		{`"version": {"app": "1"},`, ``, `consensus_params`, "consensus_params.version", "is absent"},
		{`"consensus_params"`, `"consensus_param"`, `{
  "genesis`, "consensus_params", "is absent"},
	} {
		if !strings.Contains(good, c.old) {
			t.Fatalf("%q is not in the file", c.old)
		}
		text := strings.Replace(good, c.old, c.new, 1)
		line := 1 + strings.Count(text[:max(strings.Index(text, c.at), 0)], "\n")
		list := ValidateFile([]byte(text))
		found := slices.ContainsFunc(list, func(f *Error) bool {
			return f.Line == line && f.Path == c.path && strings.Contains(f.Text, c.words)
		})
		if !found {
			t.Errorf("%s -> %s: want line %d, %s: %s, got %s", c.old, c.new, line, c.path, c.words, told(list))
		}
	}
}

// smallValidators are those of the small document.
const smallValidators = `  "validators": [
    {
      "operator": "` + autoscaler + `",
      "public_key": "` + consensusKey + `"
    }
  ],
`

func TestThePowersOfAllValidatorsAreBoundedTogether(t *testing.T) {
	one := `{"pub_key": {"type": "tendermint/PubKeyEd25519", "value": "KEY"}, "power": "1152921504606846975"}`
	text := wrapped(small(t, smallValidators, ``)) // which leaves the validators to the file
	from, to := strings.Index(text, `"validators": [`), strings.Index(text, `"app_hash"`)
	other := strings.Replace(one, "KEY", "WqhI/Y5Bp4V7jPuWsSsO1ETejD+hYsMO+yc/v0FP5Ik=", 1)
	first := strings.Replace(one, "KEY", "qEm8UwqtulJMBTaSheXRejagX93tdfOb0L7D7H4+Dxc=", 1)
	for _, c := range []struct{ validators, path string }{
		{`[]`, "validators"},
		{"[" + first + "]", ""},
		{"[" + first + "," + other + "]", "validators[1].power"},
		{repeated(first, ValidatorsMax+1), "validators"},
	} {
		list := ValidateFile([]byte(text[:from] + `"validators": ` + c.validators + `, ` + text[to:]))
		switch {
		case c.path == "" && list != nil:
			t.Errorf("one at the limit: %s", told(list))
		case c.path != "" && (len(list) == 0 || list[0].Path != c.path):
			t.Errorf("want a fault at %s: %s", c.path, told(list))
		}
	}
}
