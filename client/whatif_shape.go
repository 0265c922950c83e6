package client

import (
	"context"
	"fmt"
	"strings"

	"mprd/policy"
)

// Verdicts in words, PENDING with the approvals it asks for. An evaluation error denies, and is told apart.
const (
	verdictAllow   = "ALLOW"
	verdictDeny    = "DENY"
	verdictPending = "PENDING"
	verdictError   = "ERROR"
)

// Flip is a recorded decision that another bundle takes otherwise. Its JSON is an output shape of the command
// line.
type Flip struct {
	Record    uint64  `json:"record"` // its place in the log
	Height    uint64  `json:"height"`
	TimeMs    uint64  `json:"time_ms"` // T
	Action    string  `json:"action"`  // its id
	At        string  `json:"at"`      // request, or approval: the one that had it decided again
	Requester string  `json:"requester"`
	Class     string  `json:"class"`
	Entity    string  `json:"entity"`
	Op        string  `json:"op"`
	Target    string  `json:"target"`
	Kind      string  `json:"kind"` // as DENY→ALLOW or PENDING(2)→PENDING(3)
	Before    Decided `json:"before"`
	After     Decided `json:"after"`
}

// Decided is a verdict of the policy.
type Decided struct {
	Verdict  string   `json:"verdict"`  // ALLOW, DENY, PENDING(k) or ERROR, which denies
	Policies []string `json:"policies"` // that decide
	Errors   uint32   `json:"errors"`   // of evaluation
}

// Tally is what a replay came to. Every decision of the records is in exactly one of Same, Flips,
// BeforePolicy, Digests, VotesOnly and Unreadable. Its JSON is an output shape of the command line.
type Tally struct {
	Bundle  string `json:"bundle"` // hash of the one that was asked what if
	Records uint64 `json:"records"`
	First   uint64 `json:"first_height"` // of the records
	Last    uint64 `json:"last_height"`

	Decisions     uint64 `json:"decisions"`      // on requests, and again at approvals
	Same          uint64 `json:"same"`           // decided alike
	OtherPolicies uint64 `json:"other_policies"` // of them, by other policies
	Flips         uint64 `json:"flips"`

	BeforePolicy uint64 `json:"before_policy"` // an earlier gate refused: the policy was not asked
	Digests      uint64 `json:"digests"`       // not replayable: only a digest of the inputs was recorded
	VotesOnly    uint64 `json:"votes_only"`    // approvals with which nothing was decided again
	Unreadable   uint64 `json:"unreadable"`    // inputs or verdict do not decode; each is a fault

	Checked   uint64 `json:"checked"`   // decided again under the recorded bundle
	Unchecked uint64 `json:"unchecked"` // that bundle is not at hand, or of another engine

	Faults     uint64         `json:"faults"` // records that are not what an honest chain writes
	FaultTexts []string       `json:"fault_texts"`
	Gates      []NameCount    `json:"gates"` // BeforePolicy by code
	Kinds      []NameCount    `json:"kinds"` // flips by kind
	Policies   []PolicyCounts `json:"policies"`
}

// NameCount is how many there are of something.
type NameCount struct {
	Name  string `json:"name"`
	Count uint64 `json:"count"`
}

// PolicyCounts is in how many flips a policy was among those that decided.
type PolicyCounts struct {
	Policy string `json:"policy"`
	Before uint64 `json:"before"`
	After  uint64 `json:"after"`
}

// decided says a verdict in words.
func decided(v *policy.Verdict) Decided {
	d := Decided{Policies: make([]string, 0, len(v.Policies)), Errors: v.Errors}
	for _, id := range v.Policies {
		d.Policies = append(d.Policies, oneLine(id))
	}
	switch {
	case v.Errors > 0:
		d.Verdict = verdictError
	case v.Decision == policy.Decision_DECISION_ALLOW:
		d.Verdict = verdictAllow
	case v.Decision == policy.Decision_DECISION_DENY:
		d.Verdict = verdictDeny
	case v.Decision == policy.Decision_DECISION_PENDING:
		d.Verdict = fmt.Sprintf("%s(%d)", verdictPending, v.Required)
	default:
		d.Verdict = fmt.Sprintf("UNKNOWN(%d)", int32(v.Decision))
	}
	return d
}

// text is a verdict and who decides it, a line.
func (d Decided) text() string {
	by := "no policy"
	if len(d.Policies) > 0 {
		by = strings.Join(d.Policies, ", ")
	}
	return fmt.Sprintf("%s by %s", d.Verdict, by)
}

// Text is a flip in words, a line each.
func (f *Flip) Text() []string {
	who := Party{Address: f.Requester, Class: f.Class, Entity: f.Entity}
	return []string{
		fmt.Sprintf("%s  record %d, height %d: %s asks for %s on %s", f.Kind, f.Record, f.Height, who.text(), f.Op,
			f.Target),
		fmt.Sprintf("was %s; would be %s", f.Before.text(), f.After.text()),
		fmt.Sprintf("at the %s of action %s", f.At, f.Action),
	}
}

// oneLine is a stranger's text for a line of a terminal.
func oneLine(s string) string { return strings.ReplaceAll(printable(s), "\n", " ") }

// FindBundle finds a bundle that the chain keeps: all that ever were active. Whoever compiles it by its hash
// need not trust the node.
func (c *Client) FindBundle(ctx context.Context, hash []byte) (policy.Bundle, error) {
	row, err := c.Bundle(ctx, hash)
	return row.Bundle(), err
}

// CompiledBundle is a bundle that the chain keeps, held to be that of the hash.
func (c *Client) CompiledBundle(ctx context.Context, hash []byte) (*policy.Compiled, error) {
	bundle, err := c.FindBundle(ctx, hash)
	if err != nil {
		return nil, err
	}
	if got := bundle.Hash(); string(got[:]) != string(hash) {
		return nil, badProof("the node's bundle is %x, asked for %x", got, hash)
	}
	return policy.Compile(bundle)
}
