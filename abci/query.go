package abci

import (
	"context"
	"errors"
	"fmt"
	"strings"

	abcitypes "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/proto/tendermint/crypto"
	ics23 "github.com/cosmos/ics23/go"

	"mprd/audit"
	"mprd/state"
	"mprd/tx"
)

// question is a query under way: a view of the state at its height and the log's head there.
type question struct {
	*Application
	view *state.View
	data []byte
}

// message is what requests and answers of queries are.
type message interface {
	Unmarshal([]byte) error
	Marshal() ([]byte, error)
}

// Query answers the paths of state/query.go. It reads, at one height, and its work is bounded. A code is the
// caller's fault, or a rule's that failed by itself; an error is this node's: another may have the answer.
func (a *Application) Query(_ context.Context, r *abcitypes.RequestQuery) (*abcitypes.ResponseQuery, error) {
	response, err := a.query(r)
	var code *tx.Code
	switch {
	case err == nil:
		return response, nil
	case errors.As(err, &code):
		return &abcitypes.ResponseQuery{Code: code.Number, Codespace: code.Space, Log: err.Error()}, nil
	}
	a.log.Error().Err(err).Str("path", clipped(r.Path)).Int64("height", r.Height).Msg("query without an answer")
	return nil, fmt.Errorf("this node cannot answer: %w", err)
}

// clipped bounds what a stranger's path takes in the log.
func clipped(path string) string { return path[:min(len(path), 64)] }

func (a *Application) query(r *abcitypes.RequestQuery) (_ *abcitypes.ResponseQuery, err error) {
	defer a.guard("Query", &err)
	limit := tx.TxBytesMax
	if r.Path == state.PathSimulate {
		limit = tx.LargeTxBytesMax
	}
	if len(r.Data) > limit {
		return nil, fmt.Errorf("%w: %d bytes, limit %d", tx.CodeQueryData, len(r.Data), limit)
	}
	view, err := a.viewAt(r.Height)
	if err != nil {
		return nil, err
	}
	defer view.Close()
	q := &question{a, view, r.Data}
	response := &abcitypes.ResponseQuery{Height: view.Version()}
	switch {
	case strings.HasPrefix(r.Path, state.PathTable):
		err = q.row(strings.TrimPrefix(r.Path, state.PathTable), response)
	case strings.HasPrefix(r.Path, state.PathPage):
		response.Value, err = q.page(strings.TrimPrefix(r.Path, state.PathPage))
	case r.Path == state.PathAuditHead:
		err = q.prove(state.AuditHeadKey, response)
	case r.Path == state.PathRecord:
		response.Value, err = q.record()
	case r.Path == state.PathRecords:
		response.Value, err = q.records()
	case r.Path == state.PathConsistency:
		response.Value, err = q.consistency()
	case r.Path == state.PathLookup:
		response.Value, err = q.find()
	case r.Path == state.PathSimulate:
		response.Value, err = q.simulate()
	default:
		err = fmt.Errorf("%w: %.64q", tx.CodeQueryPath, r.Path)
	}
	return response, err
}

// viewAt opens the state at a height; 0 is the last one whose header exists, so that a proof can be checked.
func (a *Application) viewAt(height int64) (*state.View, error) {
	latest := a.store.Version()
	if height == 0 {
		height = max(1, latest-1)
	}
	if height < 0 || height > latest || latest == 0 {
		return nil, fmt.Errorf("%w: %d, newest is %d", tx.CodeQueryHeight, height, latest)
	}
	view, err := a.store.ViewAt(height)
	if errors.Is(err, state.ErrNoVersion) {
		return nil, fmt.Errorf("%w: %d", tx.CodeQueryHeight, height)
	}
	return view, err
}

// row answers with a row, or with the proof that there is none.
func (q *question) row(name string, response *abcitypes.ResponseQuery) error {
	table, ok := state.TableByName(name)
	if !ok {
		return fmt.Errorf("%w: table %.64q", tx.CodeQueryPath, name)
	}
	if len(q.data) >= state.KeyBytesMax {
		return fmt.Errorf("%w: key of %d bytes", tx.CodeQueryData, len(q.data))
	}
	return q.prove(append([]byte{table.Prefix}, q.data...), response)
}

func (q *question) prove(key []byte, response *abcitypes.ResponseQuery) error {
	value, proof, err := q.view.Prove(key)
	if err != nil {
		return err
	}
	response.Key, response.Value = key, value
	response.ProofOps, err = proofOps(key, proof)
	return err
}

func proofOps(key []byte, proof *ics23.CommitmentProof) (*crypto.ProofOps, error) {
	list, err := state.ProofOps(key, proof)
	if err != nil {
		return nil, err
	}
	ops := &crypto.ProofOps{}
	for _, op := range list {
		ops.Ops = append(ops.Ops, crypto.ProofOp{Type: op.Type, Key: op.Key, Data: op.Data})
	}
	return ops, nil
}

// ask decodes the request's data.
func (q *question) ask(m message) error {
	if err := m.Unmarshal(q.data); err != nil {
		return fmt.Errorf("%w: %w", tx.CodeQueryData, err)
	}
	return nil
}

func (q *question) page(name string) ([]byte, error) {
	table, ok := state.TableByName(name)
	if !ok {
		return nil, fmt.Errorf("%w: table %.64q", tx.CodeQueryPath, name)
	}
	var r state.PageRequest
	if err := q.ask(&r); err != nil {
		return nil, err
	}
	limit := int(r.Limit)
	if limit == 0 || limit > state.PageRowsMax {
		limit = state.PageRowsMax
	}
	page := &state.Page{}
	size := 0
	start := append([]byte{table.Prefix}, r.Start...)
	err := q.view.Iterate(start, []byte{table.Prefix + 1}, func(key, value []byte) bool {
		if len(page.Rows) == limit || size > state.PageBytes {
			page.Next = append([]byte(nil), key[1:]...)
			return true
		}
		size += len(key) + len(value)
		page.Rows = append(page.Rows, state.Row{Key: append([]byte(nil), key[1:]...), Value: value})
		return false
	})
	if err != nil {
		return nil, err
	}
	return page.Marshal()
}

func (q *question) head() (audit.Head, error) { return headOf(q.view) }

func (q *question) record() ([]byte, error) {
	var r state.RecordRequest
	if err := q.ask(&r); err != nil {
		return nil, err
	}
	head, err := q.head()
	if err != nil {
		return nil, err
	}
	size := r.Size_
	if size == 0 {
		size = head.Size
	}
	if size > head.Size || r.Index >= size {
		return nil, fmt.Errorf("%w: %d of %d, the log has %d", tx.CodeQueryIndex, r.Index, size, head.Size)
	}
	leaf, err := q.audit.Leaf(r.Index)
	if err != nil {
		return nil, missing(err)
	}
	path, err := q.audit.Inclusion(r.Index, size)
	if err != nil {
		return nil, missing(err)
	}
	return (&state.RecordProof{Index: r.Index, Size_: size, Leaf: leaf, Path: path}).Marshal()
}

// missing gives an error of the leaf store its code, if it is the asker's: any other is of this node's disk.
// Consensus does not read old leaves, so a damaged one stops no node; the next start would not mend it.
func missing(err error) error {
	if errors.Is(err, audit.ErrBeyond) || errors.Is(err, audit.ErrMissing) {
		return fmt.Errorf("%w: %w", tx.CodeQueryIndex, err)
	}
	return fmt.Errorf("audit log: %w", err)
}

func (q *question) records() ([]byte, error) {
	var r state.RecordsRequest
	if err := q.ask(&r); err != nil {
		return nil, err
	}
	head, err := q.head()
	if err != nil {
		return nil, err
	}
	if r.Start >= head.Size {
		return nil, fmt.Errorf("%w: %d, the log has %d", tx.CodeQueryIndex, r.Start, head.Size)
	}
	limit := min(uint64(state.RecordsMax), head.Size-r.Start)
	if r.Limit > 0 {
		limit = min(limit, uint64(r.Limit))
	}
	leaves, err := q.audit.Leaves(r.Start, int(limit))
	if err != nil {
		return nil, missing(err)
	}
	answer := &state.Records{Start: r.Start}
	size := 0
	for _, leaf := range leaves {
		if size += len(leaf); size > state.RecordsBytes && len(answer.Leaves) > 0 {
			break
		}
		answer.Leaves = append(answer.Leaves, leaf)
	}
	return answer.Marshal()
}

func (q *question) consistency() ([]byte, error) {
	var r state.ConsistencyRequest
	if err := q.ask(&r); err != nil {
		return nil, err
	}
	head, err := q.head()
	if err != nil {
		return nil, err
	}
	if r.First > r.Second || r.Second > head.Size {
		return nil, fmt.Errorf("%w: %d to %d, the log has %d", tx.CodeQueryIndex, r.First, r.Second, head.Size)
	}
	path, err := q.audit.Consistency(r.First, r.Second)
	if err != nil {
		return nil, missing(err)
	}
	return (&state.ConsistencyProof{First: r.First, Second: r.Second, Path: path}).Marshal()
}

func (q *question) find() ([]byte, error) {
	var r state.LookupRequest
	if err := q.ask(&r); err != nil {
		return nil, err
	}
	if len(r.Id) != tx.HashBytes {
		return nil, fmt.Errorf("%w: id of %d bytes, want %d", tx.CodeQueryData, len(r.Id), tx.HashBytes)
	}
	head, err := q.head()
	if err != nil {
		return nil, err
	}
	indexes, err := q.lookup.find(r.Id, r.Start, head.Size, int(min(r.Limit, lookupMax)))
	if err != nil {
		return nil, err
	}
	return (&state.Lookup{Indexes: indexes}).Marshal()
}

// simulate answers from the newest state, whatever the height.
func (q *question) simulate() ([]byte, error) {
	q.checking.RLock()
	defer q.checking.RUnlock()
	if q.committed == nil {
		return nil, fmt.Errorf("%w: no block yet", tx.CodeQueryHeight)
	}
	return q.committed.Simulate(q.data).Marshal()
}
