package client

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"

	"mprd/audit"
	"mprd/policy"
	"mprd/tx"
)

// Limits of what a Whatif remembers, whoever wrote the log: what is beyond them is counted together.
const (
	whatifNamesMax  = 4096 // names that are counted apart
	whatifFaultsMax = 100  // faults that are told in words
	whatifBundles   = 16   // compiled bundles at hand
)

// whatifRest is what names beyond whatifNamesMax are counted under.
const whatifRest = "(others)"

// FindBundle finds the bundle of a hash; ErrNotFound if it is not to be had.
type FindBundle func(ctx context.Context, hash []byte) (policy.Bundle, error)

// Whatif decides recorded requests again under another bundle, a record at a time; it remembers counts only.
// Each decision is taken by itself, from the inputs that were recorded: that an earlier one would have
// changed a target, or a later request, is not worked out. One goroutine uses it.
type Whatif struct {
	bundle  *policy.Compiled
	find    FindBundle
	flipped func(*Flip) error

	held   *policy.Cache
	absent map[string]bool // hashes of bundles that cannot be had, or be compiled
	tally  Tally

	gates, kinds, before, after map[string]uint64
}

// NewWhatif makes a replay under a bundle. find finds those that decisions were recorded under. flipped is
// told of every flip in the order of the log.
func NewWhatif(bundle *policy.Compiled, find FindBundle, flipped func(*Flip) error) *Whatif {
	hash := bundle.Hash()
	return &Whatif{
		bundle: bundle, find: find, flipped: flipped,
		held: policy.NewCache(whatifBundles), absent: map[string]bool{},
		tally: Tally{Bundle: hex.EncodeToString(hash[:]), FaultTexts: []string{}},
		gates: map[string]uint64{}, kinds: map[string]uint64{},
		before: map[string]uint64{}, after: map[string]uint64{},
	}
}

// decision is what a record keeps of one.
type decision struct {
	*audit.Record
	at               string
	action           []byte
	request, verdict []byte
	digest           bool     // instead of the request
	gate             *tx.Code // that refused it; nil if none did
}

// decisionOf is the decision in a record; false if it is of another kind.
func decisionOf(r *audit.Record) (d decision, ok bool) {
	switch b := r.Body.(type) {
	case *audit.Record_Decision:
		v := b.Decision
		code := tx.CodeOf(v.GetTx().GetCodespace(), v.GetTx().GetCode())
		return decision{r, momentRequest, v.GetActionId(), v.GetPolicyRequest(), v.GetVerdict(),
			len(v.GetPolicyRequestDigest()) > 0, code}, true
	case *audit.Record_Approval:
		v := b.Approval
		code := tx.CodeOf(v.GetCodespace(), v.GetCode())
		if code == nil { // the gates that leave the action waiting refuse the tx
			code = tx.CodeOf(v.GetTx().GetCodespace(), v.GetTx().GetCode())
		}
		return decision{r, momentApproval, v.GetActionId(), v.GetPolicyRequest(), v.GetVerdict(),
			errors.Is(code, tx.CodeInputsLarge), code}, true
	}
	return d, false
}

// Take replays a record, if it holds a decision. Errors: those of flipped, and of find but ErrNotFound.
// Whatever the record holds is counted, and never an error.
func (w *Whatif) Take(ctx context.Context, r *audit.Record) error {
	if w.tally.Records++; w.tally.Records == 1 {
		w.tally.First = r.Height
	}
	w.tally.Last = r.Height
	d, ok := decisionOf(r)
	if !ok {
		return nil
	}
	w.tally.Decisions++
	if len(d.request) == 0 {
		w.undecided(&d)
		return nil
	}
	var request policy.Request
	var recorded policy.Verdict
	if err := request.Unmarshal(d.request); err != nil {
		w.unreadable(&d, "policy request: %v", err)
		return nil
	}
	if err := recorded.Unmarshal(d.verdict); err != nil || len(d.verdict) == 0 {
		w.unreadable(&d, "verdict of %d bytes: %v", len(d.verdict), err)
		return nil
	}
	if err := w.check(ctx, &d, &request, &recorded); err != nil {
		return err
	}
	return w.compare(&d, &request, decided(&recorded), decided(w.bundle.Decide(&request)))
}

// undecided counts a decision without inputs of the policy.
func (w *Whatif) undecided(d *decision) {
	switch {
	case len(d.verdict) > 0:
		w.unreadable(d, "a verdict of the policy without the request")
	case d.digest:
		w.tally.Digests++
	case d.gate != nil:
		w.tally.BeforePolicy++
		count(w.gates, d.gate.String())
	case d.at == momentApproval:
		w.tally.VotesOnly++
	default:
		w.unreadable(d, "neither a request to the policy nor a refusal")
	}
}

func (w *Whatif) unreadable(d *decision, format string, args ...any) {
	w.tally.Unreadable++
	w.fault(d, format, args...)
}

func (w *Whatif) fault(d *decision, format string, args ...any) {
	if w.tally.Faults++; w.tally.Faults <= whatifFaultsMax {
		text := fmt.Sprintf("record %d, height %d: %s", d.PrevSize, d.Height, fmt.Sprintf(format, args...))
		w.tally.FaultTexts = append(w.tally.FaultTexts, oneLine(text))
	}
}

// check decides again under the recorded bundle, if that is at hand.
func (w *Whatif) check(ctx context.Context, d *decision, request *policy.Request,
	recorded *policy.Verdict) error {
	bundle, err := w.recorded(ctx, recorded)
	if err != nil {
		return err
	}
	if bundle == nil {
		w.tally.Unchecked++
		return nil
	}
	w.tally.Checked++
	verdict := bundle.Decide(request)
	again, err := verdict.Marshal()
	if err != nil {
		return err
	}
	if string(again) != string(d.verdict) {
		was, is := decided(recorded), decided(verdict)
		w.fault(d, "its verdict is %s, and its own bundle %x decides %s", was.text(), recorded.PolicyHash,
			is.text())
	}
	return nil
}

// recorded is the bundle that a verdict names; nil if it cannot be had.
func (w *Whatif) recorded(ctx context.Context, v *policy.Verdict) (*policy.Compiled, error) {
	own := w.bundle.Hash()
	key := string(v.PolicyHash)
	switch {
	case v.Engine != policy.Engine, len(key) != tx.HashBytes, w.absent[key]:
		return nil, nil
	case key == string(own[:]):
		return w.bundle, nil
	}
	var failed error
	compiled, err := w.held.Get(v.PolicyHash, func() (b policy.Bundle, ok bool) {
		b, failed = w.find(ctx, v.PolicyHash)
		return b, failed == nil
	})
	var refused *policy.Error
	switch {
	case err == nil:
		return compiled, nil
	case errors.Is(failed, ErrNotFound), errors.As(err, &refused):
		if len(w.absent) >= whatifNamesMax {
			clear(w.absent)
		}
		w.absent[key] = true
		return nil, nil
	case failed != nil:
		return nil, failed
	}
	return nil, badProof("bundle %x: %w", v.PolicyHash, err)
}

// compare counts what became of a decision.
func (w *Whatif) compare(d *decision, request *policy.Request, was, is Decided) error {
	if was.Verdict == is.Verdict {
		w.tally.Same++
		if !slices.Equal(was.Policies, is.Policies) {
			w.tally.OtherPolicies++
		}
		return nil
	}
	flip := &Flip{
		Record: d.PrevSize, Height: d.Height, TimeMs: d.TimeMs, Action: hex.EncodeToString(d.action), At: d.at,
		Requester: oneLine(request.GetPrincipal().GetAddress()),
		Class:     oneLine(request.GetPrincipal().GetClass()), Entity: oneLine(request.GetPrincipal().GetEntity()),
		Op: oneLine(request.GetAction().GetOp()), Target: oneLine(request.GetResource().GetId()),
		Kind: was.Verdict + "→" + is.Verdict, Before: was, After: is,
	}
	w.tally.Flips++
	count(w.kinds, flip.Kind)
	for _, id := range was.Policies {
		count(w.before, id)
	}
	for _, id := range is.Policies {
		count(w.after, id)
	}
	return w.flipped(flip)
}

// count adds one under a name; there are only so many names.
func count(m map[string]uint64, name string) {
	if _, there := m[name]; !there && len(m) >= whatifNamesMax {
		name = whatifRest
	}
	m[name]++
}

// Tally is what the records that were taken came to.
func (w *Whatif) Tally() *Tally {
	t := w.tally
	t.FaultTexts = slices.Clone(t.FaultTexts)
	t.Gates, t.Kinds = counted(w.gates), counted(w.kinds)
	t.Policies = []PolicyCounts{}
	names := maps.Clone(w.before)
	maps.Copy(names, w.after)
	for _, id := range slices.Sorted(maps.Keys(names)) {
		t.Policies = append(t.Policies, PolicyCounts{id, w.before[id], w.after[id]})
	}
	return &t
}

// counted lists counts by name.
func counted(m map[string]uint64) []NameCount {
	list := []NameCount{}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, NameCount{name, m[name]})
	}
	return list
}
