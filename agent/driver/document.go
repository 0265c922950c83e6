package driver

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"mprd/state"
	"mprd/tx"
)

// Bounds of what targets answer.
const (
	ReadBackBytesMax = 1024     // canonical; what is larger is represented by its digest
	answerBytesMax   = 64 << 10 // an answer of a program or receiver
	differsBytesMax  = 256
)

// What a document asks for.
const (
	doApply   = "apply"
	doObserve = "observe"
)

// document is the task as programs and receivers get it: the JSON of docs/drivers.md.
type document struct {
	Version      int              `json:"version"` // 1
	Do           string           `json:"do"`      // apply or observe; observe has target and spec only
	ChainID      string           `json:"chain_id,omitempty"`
	ActionID     string           `json:"action_id,omitempty"` // hex
	Target       string           `json:"target"`
	Op           string           `json:"op,omitempty"` // Route, Throttle, Pause, Scale, Rotate
	Request      *requestDocument `json:"request,omitempty"`
	Spec         specDocument     `json:"spec"`
	Fence        *fenceDocument   `json:"fence,omitempty"`
	ResourcesMax uint64           `json:"resources_max,omitempty"`
}

// requestDocument has what was asked; the field of the op alone is there.
type requestDocument struct {
	Backends          []backendDocument   `json:"backends,omitempty"`
	RequestsPerSecond uint64              `json:"requests_per_second,omitempty"`
	Burst             uint64              `json:"burst,omitempty"`
	Paused            *bool               `json:"paused,omitempty"`
	Replicas          *uint32             `json:"replicas,omitempty"`
	Credential        *credentialDocument `json:"credential,omitempty"`
	Reason            string              `json:"reason,omitempty"`
}

// specDocument has all of a spec, also what is zero.
type specDocument struct {
	Generation        uint64               `json:"generation"`
	Backends          []backendDocument    `json:"backends"`
	RequestsPerSecond uint64               `json:"requests_per_second"`
	Burst             uint64               `json:"burst"`
	Paused            bool                 `json:"paused"`
	Replicas          uint32               `json:"replicas"`
	Credentials       []credentialDocument `json:"credentials"`
}

// fenceDocument is a Fence.
type fenceDocument struct {
	Counter uint64 `json:"counter"`
	Attempt uint32 `json:"attempt"`
}

type backendDocument struct {
	Name      string `json:"name"`
	WeightBps uint32 `json:"weight_bps"`
}

type credentialDocument struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Digest  string `json:"digest"` // hex, SHA-256 of the public part
}

// document gives the task's JSON.
func (t *Task) document() []byte {
	return encode(document{
		Version: 1, Do: doApply, ChainID: t.ChainID, ActionID: hex.EncodeToString(t.ActionID[:]), Target: t.Target,
		Op: t.Op.Name(), Request: requestOf(t.Request), Spec: specOf(t.Spec), Fence: (*fenceDocument)(&t.Fence),
		ResourcesMax: t.ResourcesMax,
	})
}

// observation gives the JSON of a question about a target.
func observation(target string, spec *state.Spec) []byte {
	return encode(document{Version: 1, Do: doObserve, Target: target, Spec: specOf(spec)})
}

// encode cannot err: the documents hold strings, integers and booleans only.
func encode(value any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func requestOf(r *tx.RequestAction) *requestDocument {
	d := &requestDocument{Reason: r.Reason}
	switch op := r.Op.(type) {
	case *tx.RequestAction_Route:
		d.Backends = backendsOf(op.Route.Backends)
	case *tx.RequestAction_Throttle:
		d.RequestsPerSecond, d.Burst = op.Throttle.RequestsPerSecond, op.Throttle.Burst
	case *tx.RequestAction_Pause:
		d.Paused = &op.Pause.Paused
	case *tx.RequestAction_Scale:
		d.Replicas = &op.Scale.Replicas
	case *tx.RequestAction_Rotate:
		d.Credential = &credentialDocument{
			op.Rotate.Credential, op.Rotate.Version, hex.EncodeToString(op.Rotate.Digest),
		}
	}
	return d
}

func specOf(s *state.Spec) specDocument {
	d := specDocument{
		Generation: s.Generation, Backends: backendsOf(s.Backends), RequestsPerSecond: s.RequestsPerSecond,
		Burst: s.Burst, Paused: s.Paused, Replicas: s.Replicas, Credentials: []credentialDocument{},
	}
	for _, c := range s.Credentials {
		d.Credentials = append(d.Credentials, credentialDocument{c.Name, c.Version, hex.EncodeToString(c.Digest)})
	}
	return d
}

func backendsOf(backends []*tx.Backend) []backendDocument {
	list := []backendDocument{}
	for _, b := range backends {
		list = append(list, backendDocument{b.Name, b.WeightBps})
	}
	return list
}

// differences names, sorted, the fields in which two specs differ. Generations are not compared: a target may
// have been brought to this state by an earlier one.
func (d specDocument) differences(other specDocument) []string {
	var names []string
	differ := func(name string, equal bool) {
		if !equal {
			names = append(names, name)
		}
	}
	differ("backends", slices.Equal(d.Backends, other.Backends))
	differ("burst", d.Burst == other.Burst)
	differ("credentials", slices.Equal(d.Credentials, other.Credentials))
	differ("paused", d.Paused == other.Paused)
	differ("replicas", d.Replicas == other.Replicas)
	differ("requests_per_second", d.RequestsPerSecond == other.RequestsPerSecond)
	return names
}

// answer is what a program or receiver says.
type answer struct {
	Observed      json.RawMessage `json:"observed"`       // any JSON value but null
	ResourcesUsed *uint64         `json:"resources_used"` // 0 if absent
	Differs       *string         `json:"differs"`        // of exec, observing
	Spec          *specDocument   `json:"spec"`           // of webhook, observing
}

// parseAnswer takes exactly one JSON object without unknown fields that holds an observation.
func parseAnswer(text []byte) (answer, []byte, *Failure) {
	var a answer
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		return a, nil, fail(ReasonError, "answer is not the JSON object of docs/drivers.md: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return a, nil, fail(ReasonError, "answer holds more than one JSON value")
	}
	if len(a.Observed) == 0 || bytes.Equal(a.Observed, []byte("null")) {
		return a, nil, fail(ReasonError, "answer has no field observed")
	}
	if a.Differs != nil {
		if err := tx.CheckText("differs", *a.Differs, differsBytesMax); err != nil {
			return a, nil, fail(ReasonError, "%w", err)
		}
	}
	readBack, err := Canonical(a.Observed)
	if err != nil {
		return a, nil, fail(ReasonError, "observed: %w", err)
	}
	return a, readBack, nil
}

// outcome holds an answer to an applied task against what the task grants.
func (t *Task) outcome(text []byte) (Outcome, error) {
	a, readBack, failure := parseAnswer(text)
	if failure != nil {
		return Outcome{}, failure
	}
	var used uint64
	if a.ResourcesUsed != nil {
		used = *a.ResourcesUsed
	}
	if failure := t.withinResources(used); failure != nil {
		return Outcome{}, failure
	}
	return Outcome{ReadBack: readBack, ResourcesUsed: used}, nil
}

// Canonical gives the one form of an observation: JSON without spaces, keys sorted, numbers as they were
// written. What is longer than ReadBackBytesMax is represented by {"bytes":<length>,"sha256":"<hex>"} of that
// form.
func Canonical(text []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errTrailing
	}
	form := encode(value)
	if len(form) <= ReadBackBytesMax {
		return form, nil
	}
	sum := sha256.Sum256(form)
	return encode(map[string]any{"bytes": len(form), "sha256": hex.EncodeToString(sum[:])}), nil
}

// words joins differences for people; printable and bounded.
func words(differences []string) string {
	return printable(strings.Join(differences, "; "), differsBytesMax)
}
