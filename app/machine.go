package app

import (
	"crypto/sha256"
	"fmt"

	"mprd/audit"
	"mprd/genesis"
	"mprd/policy"
	"mprd/slashing"
	"mprd/state"
	"mprd/tx"
)

// Source decodes raw bytes and believes them: tx.Decode and Check. A node's remembers what it verified.
type Source func(raw []byte) (*tx.Transaction, error)

// Machine is the state machine of one chain. It holds no state of the chain, only what is derived from it
// (compiled policies), so it serves any number of executions at once.
type Machine struct {
	chainID  string
	source   Source
	policies *policy.Cache
}

// parse is the source, whatever it does: a decoder that fails by itself refuses the bytes and stops no
// validator.
func (m *Machine) parse(raw []byte) (t *tx.Transaction, err error) {
	defer func() {
		if r := recover(); r != nil {
			t, err = nil, fmt.Errorf("%w: %v", tx.CodeInternal, r)
		}
	}()
	return m.source(raw)
}

// policiesMax is how many compiled bundles are kept: the active one, and those that replays may meet.
const policiesMax = 8

// New makes the machine of a chain. A nil source verifies each signature by itself.
func New(chainID string, source Source) *Machine {
	if source == nil {
		source = func(raw []byte) (*tx.Transaction, error) {
			t, err := tx.Decode(raw)
			if err != nil {
				return nil, err
			}
			return t, t.Check(chainID, tx.Plain{})
		}
	}
	return &Machine{chainID: chainID, source: source, policies: policy.NewCache(policiesMax)}
}

// Begin starts a block on committed state and runs the steps that come before the txs.
func (m *Machine) Begin(base state.Reader, used state.NonceSet, h Header) *Block {
	b := m.open(base, used, h)
	b.runSteps(stepsBefore)
	return b
}

func (m *Machine) open(base state.Reader, used state.NonceSet, h Header) *Block {
	o := state.NewOverlay(base, used)
	b := &Block{machine: m, header: h, frontier: audit.NewFrontier()}
	if raw := o.GetRaw(state.AuditFrontierKey); raw != nil {
		frontier, err := audit.DecodeFrontier(raw)
		if err != nil {
			panic(state.Fault{Err: err})
		}
		b.frontier = frontier
	}
	b.context = state.Context{
		Overlay: o, Height: h.Height, TimeMs: h.TimeMs, BlockHash: h.Hash,
		Params: state.ParamsTable.Load(o, state.One{}), Policies: m.policies,
		Names: make(map[tx.Address]string), Votes: h.Votes, Misbehavior: h.Misbehavior,
	}
	return b
}

// Init applies a genesis document and leaves record 0. It names the document by the SHA-256 of its one JSON
// form, so that a file which was laid out anew begins the same chain. file is the validator set of CometBFT's
// genesis file, which must be the document's if that names one; the outcome's updates are the set to begin
// with.
func (m *Machine) Init(base state.Reader, doc *genesis.Document, h Header, file []state.Seat) (*Outcome,
	error) {
	document, err := doc.JSON()
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(document)
	o := state.NewOverlay(base, noNonces{})
	if err := doc.Apply(o, h.TimeMs); err != nil {
		return nil, err
	}
	if err := doc.CheckSet(file); err != nil {
		return nil, err
	}
	set := slashing.Begin(o, state.ParamsTable.Load(o, state.One{}), file)
	b := &Block{machine: m, header: Header{TimeMs: h.TimeMs}, frontier: audit.NewFrontier()}
	b.context = state.Context{Overlay: o, TimeMs: h.TimeMs, ChainTimeMs: h.TimeMs}
	r := b.newRecord()
	r.Body = &audit.Record_Genesis{Genesis: &audit.Genesis{
		ChainId: m.chainID, AppStateDigest: digest[:],
		PolicyHash: state.ActivePolicyTable.Load(o, state.One{}).Hash,
		Supply:     state.SupplyTable.Load(o, state.One{}).Genesis,
	}}
	b.append(encode(r))
	outcome := b.outcome()
	outcome.Updates = set
	return outcome, nil
}

type noNonces struct{}

func (noNonces) Used(tx.Digest) bool { return false }
