package client

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// object is a JSON object of an answer.
type object = map[string]any

// lie changes the result of an answer to a method, and for queries of a path.
type lie struct {
	name   string
	method string // of the RPC
	path   string // of abci_query
	tell   func(result object)
}

// liar is a proxy before a real node that tells one lie. told counts how often.
func liar(t *testing.T, node string, l lie) (address string, told *atomic.Int64) {
	t.Helper()
	told = &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		answer, err := http.Post(node, "application/json", bytes.NewReader(asked))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer answer.Body.Close()
		said, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Error(err)
		}
		changed := l.of(asked, said)
		if !bytes.Equal(changed, said) {
			told.Add(1)
		}
		if _, err := w.Write(changed); err != nil {
			t.Log(err) // whoever asked has gone
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, told
}

// of is what the liar says instead of what the node said.
func (l lie) of(asked, said []byte) []byte {
	var request struct {
		Method string `json:"method"`
		Params struct {
			Path string `json:"path"`
		} `json:"params"`
	}
	var answer object
	if json.Unmarshal(asked, &request) != nil || json.Unmarshal(said, &answer) != nil {
		return said
	}
	result, is := answer["result"].(object)
	if !is || request.Method != l.method || !strings.HasPrefix(request.Params.Path, l.path) {
		return said
	}
	l.tell(result)
	changed, err := json.Marshal(answer)
	if err != nil {
		panic(err)
	}
	return changed
}

// at walks down objects and lists.
func at(v any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			v = v.(object)[step]
		case int:
			v = v.([]any)[step]
		}
	}
	return v
}

// flip changes one bit of base64 text, at a place in 1000ths of its length.
func flip(v any, place int) string {
	raw, err := base64.StdEncoding.DecodeString(v.(string))
	if err != nil || len(raw) == 0 {
		panic("nothing to lie about")
	}
	raw[min(len(raw)-1, len(raw)*place/1000)] ^= 1
	return base64.StdEncoding.EncodeToString(raw)
}

// set is a lie that puts a value into a field.
func set(v any, field string, path ...any) func(object) {
	return func(result object) { at(result, path...).(object)[field] = v }
}

// flipped is a lie that changes one bit of a field.
func flipped(place int, field string, path ...any) func(object) {
	return func(result object) {
		o := at(result, path...).(object)
		o[field] = flip(o[field], place)
	}
}

// headerLies are about light blocks.
func headerLies() []lie {
	hash := strings.Repeat("AB", 32)
	header, commit := []any{"signed_header", "header"}, []any{"signed_header", "commit"}
	signature := append(append([]any{}, commit...), "signatures", 0)
	validator := []any{"validators", 0}
	return []lie{
		{"app hash", "commit", "", set(hash, "app_hash", header...)},
		{"validators hash", "commit", "", set(hash, "validators_hash", header...)},
		{"time", "commit", "", set("2026-01-01T00:00:00Z", "time", header...)},
		{"a time that is not", "commit", "", set("yesterday", "time", header...)},
		{"chain id", "commit", "", set("other-1", "chain_id", header...)},
		{"height", "commit", "", set("1000000", "height", header...)},
		{"negative height", "commit", "", set("-5", "height", header...)},
		{"no header", "commit", "", set(nil, "header", "signed_header")},
		{"no commit", "commit", "", set(nil, "commit", "signed_header")},
		{"neither", "commit", "", set(nil, "signed_header")},
		{"block id", "commit", "", set(object{"hash": hash, "parts": object{"total": 1, "hash": hash}},
			"block_id", commit...)},
		{"commit's height", "commit", "", set("9999", "height", commit...)},
		{"commit's round", "commit", "", set(7, "round", commit...)},
		{"signature", "commit", "", flipped(500, "signature", signature...)},
		{"no signatures", "commit", "", set(nil, "signatures", commit...)},
		{"signature of nobody", "commit", "", set([]any{nil}, "signatures", commit...)},
		{"vote's time", "commit", "", set("2026-01-01T00:00:00Z", "timestamp", signature...)},
		{"vote's flag", "commit", "", set(1, "block_id_flag", signature...)},
		{"power", "validators", "", set("11", "voting_power", validator...)},
		{"no power", "validators", "", set("0", "voting_power", validator...)},
		{"negative power", "validators", "", set("-1", "voting_power", validator...)},
		{"power above all", "validators", "", set("9223372036854775807", "voting_power", validator...)},
		{"key", "validators", "", flipped(500, "value", "validators", 0, "pub_key")},
		{"no key", "validators", "", set(nil, "pub_key", validator...)},
		{"no validator", "validators", "", set([]any{nil}, "validators")},
		{"no validators", "validators", "", set([]any{}, "validators")},
	}
}

// answerLies are about the state and the log.
func answerLies(path string) []lie {
	response, op := []any{"response"}, []any{"response", "proofOps", "ops", 0}
	return []lie{
		{"value's first byte", "abci_query", path, flipped(0, "value", response...)},
		{"value's middle", "abci_query", path, flipped(500, "value", response...)},
		{"value's last byte", "abci_query", path, flipped(1000, "value", response...)},
		{"no value", "abci_query", path, set("", "value", response...)},
		{"proof's first byte", "abci_query", path, flipped(0, "data", op...)},
		{"proof's middle", "abci_query", path, flipped(500, "data", op...)},
		{"proof's last byte", "abci_query", path, flipped(1000, "data", op...)},
		{"no proof", "abci_query", path, set(nil, "data", op...)},
		{"proof of another type", "abci_query", path, set("ics23:simple", "type", op...)},
		{"two proofs", "abci_query", path, func(result object) {
			proofs := at(result, "response", "proofOps").(object)
			proofs["ops"] = append(proofs["ops"].([]any), at(proofs, "ops", 0))
		}},
		{"no list of proofs", "abci_query", path, set([]any{}, "ops", "response", "proofOps")},
		{"no proofs", "abci_query", path, set(nil, "proofOps", response...)},
		{"height before", "abci_query", path, set("1", "height", response...)},
		{"negative height", "abci_query", path, set("-2", "height", response...)},
		{"no answer", "abci_query", path, set(nil, "response")},
	}
}

// dying is a proxy that hangs up when it is asked for a method.
func dying(t *testing.T, node, method string) (address string) {
	t.Helper()
	return passing(t, node, func(asked []byte) bool {
		return !bytes.Contains(asked, []byte(`"method":"`+method+`"`))
	})
}

// sometimes is a proxy that hangs up while it is down.
func sometimes(t *testing.T, node string, down *atomic.Bool) (address string) {
	t.Helper()
	return passing(t, node, func([]byte) bool { return !down.Load() })
}

// passing is a proxy that hangs up unless a question may pass.
func passing(t *testing.T, node string, may func(asked []byte) bool) (address string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, err := io.ReadAll(r.Body)
		if err != nil || !may(asked) {
			panic(http.ErrAbortHandler)
		}
		answer, err := http.Post(node, "application/json", bytes.NewReader(asked))
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer answer.Body.Close()
		if _, err := io.Copy(w, answer.Body); err != nil {
			t.Log(err) // whoever asked has gone
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}
