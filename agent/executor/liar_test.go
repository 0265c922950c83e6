package executor

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

	"mprd/audit"
	"mprd/state"
	"mprd/tx"
)

// lie is what a node says otherwise: of one method, and for abci_query of paths with a beginning. It changes
// the result and says whether it did.
type lie struct {
	name   string
	method string
	path   string
	tell   func(result object) bool
}

// liar is a proxy before a real node. told counts each of its lies. While it is honest it only passes on.
type liar struct {
	t       *testing.T
	node    string
	lies    []lie
	address string
	honest  atomic.Bool
	told    []atomic.Int64
	keeps   bool // what is sent to it
	kept    atomic.Int64
	hangs   bool // and answers nothing
}

func newLiar(t *testing.T, node string, lies ...lie) *liar {
	t.Helper()
	l := &liar{t: t, node: node, lies: lies, told: make([]atomic.Int64, len(lies))}
	server := httptest.NewServer(l)
	t.Cleanup(server.Close)
	l.address = server.URL
	return l
}

func (l *liar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	asked, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	lying := !l.honest.Load()
	if lying && l.hangs {
		l.kept.Add(1)
		<-r.Context().Done()
		return
	}
	if lying && l.keeps && bytes.Contains(asked, []byte(`"broadcast_tx_sync"`)) {
		l.kept.Add(1)
		asked = bytes.Replace(asked, []byte(`"broadcast_tx_sync"`), []byte(`"check_tx"`), 1)
	}
	answer, err := http.Post(l.node, "application/json", bytes.NewReader(asked))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if lying {
		said = l.instead(asked, said)
	}
	w.Write(said) // whoever asked may have gone
}

func (l *liar) instead(asked, said []byte) []byte {
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
	for i, lie := range l.lies {
		if is && request.Method == lie.method && strings.HasPrefix(request.Params.Path, lie.path) &&
			lie.tell(result) {
			l.told[i].Add(1)
		}
	}
	changed, err := json.Marshal(answer)
	if err != nil {
		panic(err)
	}
	return changed
}

// toldAll: each lie was told.
func (l *liar) toldAll() bool {
	for i := range l.told {
		if l.told[i].Load() == 0 {
			return false
		}
	}
	return true
}

// set is a lie that puts a value into a field.
func set(v any, field string, path ...string) func(object) bool {
	return func(result object) bool {
		for _, step := range path {
			result = result[step].(object)
		}
		result[field] = v
		return true
	}
}

// message is what an answer's value holds.
type message interface {
	Marshal() ([]byte, error)
	Unmarshal([]byte) error
}

// value is a lie about the value of an answer to abci_query.
func value[M message](m M, change func(M) bool) func(object) bool {
	return func(result object) bool {
		response := result["response"].(object)
		text, _ := response["value"].(string)
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(raw) == 0 {
			return false
		}
		if err := m.Unmarshal(raw); err != nil || !change(m) {
			return false
		}
		if raw, err = m.Marshal(); err != nil {
			panic(err)
		}
		response["value"] = base64.StdEncoding.EncodeToString(raw)
		return true
	}
}

// assignments are lies about the rows of actions: in the list, and where one is to be proven.
func assignments(name string, change func(*state.Action)) []lie {
	row := func(a *state.Action) bool {
		if len(a.Attempts) == 0 { // it has no executors yet to lie about
			return false
		}
		change(a)
		return true
	}
	page := func(result object) bool {
		return value(&state.Page{}, func(p *state.Page) (lied bool) {
			for i := range p.Rows {
				a := &state.Action{}
				if err := a.Unmarshal(p.Rows[i].Value); err != nil {
					panic(err)
				}
				lied = row(a) || lied
				raw, err := a.Marshal()
				if err != nil {
					panic(err)
				}
				p.Rows[i].Value = raw
			}
			return lied
		})(result)
	}
	return []lie{
		{name, "abci_query", state.PathPage + "actions", page},
		{name, "abci_query", state.PathTable + "actions", func(result object) bool {
			return value(&state.Action{}, row)(result)
		}},
	}
}

// intent is a lie about the INTENT of an action.
func intent(change func(*tx.RequestAction, *state.Spec)) lie {
	return lie{"INTENT", "abci_query", state.PathRecord, func(result object) bool {
		return value(&state.RecordProof{}, func(p *state.RecordProof) bool {
			r, err := audit.DecodeLeaf(p.Leaf)
			if err != nil || r.GetIntent() == nil {
				return false
			}
			request, spec := &tx.RequestAction{}, &state.Spec{}
			if request.Unmarshal(r.GetIntent().Request) != nil || spec.Unmarshal(r.GetIntent().Spec) != nil {
				return false
			}
			change(request, spec)
			r.GetIntent().Request, _ = request.Marshal()
			r.GetIntent().Spec, _ = spec.Marshal()
			p.Leaf, err = audit.EncodeLeaf(r)
			return err == nil
		})(result)
	}}
}

// refused tells whether an executor has ended with an error, which is the other way to do nothing.
func (r *running) refused() bool {
	select {
	case err := <-r.done:
		r.done <- err
		return err != nil
	default:
		return false
	}
}
