package app

import (
	"errors"
	"fmt"

	"mprd/audit"
	"mprd/state"
	"mprd/tx"
)

// Header is what the machine is told of a block.
type Header struct {
	Height  uint64
	TimeMs  uint64 // T
	Hash    []byte // of the block; absent while it is being built and its txs alone are executed
	AppHash []byte // committed before this block; at the first one, what InitChain returned

	Votes       []state.Ballot      // LastCommit
	Misbehavior []state.Misbehavior // CometBFT's evidence
}

// Block is one execution of a block on an overlay. Deliver the txs in their order, then Finish.
type Block struct {
	machine  *Machine
	header   Header
	context  state.Context // of the steps; txs get copies
	frontier *audit.Frontier
	leaves   [][]byte
	txs      uint32
	bytes    uint64
	gas      uint64
}

// TxResult is what became of a tx. Code, Codespace, Data and the gas are part of consensus; Log is not.
type TxResult struct {
	Admitted  bool // false: no effect at all, and no valid block holds it
	Panicked  bool // the rule failed by itself; implies not Admitted
	Code      uint32
	Codespace string
	Log       string
	Data      []byte // tx.Result
	GasWanted uint64
	GasUsed   uint64
	Fee       uint64
	Events    []state.Event
	Record    []byte // the leaf that it left
}

// Outcome is a block's whole effect, to be staged, or dropped.
type Outcome struct {
	Height  uint64
	Overlay *state.Overlay
	Leaves  [][]byte
	Head    audit.Head
	Events  []state.Event // of the steps
	Updates []state.Seat  // for CometBFT's validator set, by key
}

// Deliver executes raw, which may be any bytes.
func (b *Block) Deliver(raw []byte) TxResult {
	index := b.txs
	b.txs++
	t, err := b.machine.parse(raw)
	if err != nil {
		return refused(err)
	}
	if b.bytes+uint64(len(raw)) > b.context.Params.BlockBytesMax ||
		b.gas+t.Body.GasLimit > b.context.Params.BlockGasMax {
		return refused(fmt.Errorf("%w: %d bytes, %d gas before this tx", tx.CodeBlockFull, b.bytes, b.gas))
	}
	result := b.execute(t, index)
	if result.Admitted {
		b.bytes += uint64(len(raw))
		b.gas += t.Body.GasLimit
	}
	return result
}

// execute runs admission and the rule of a checked tx. A tx that panics leaves nothing behind; a broken store
// is never recovered.
func (b *Block) execute(t *tx.Transaction, index uint32) (result TxResult) {
	var before *audit.Frontier // the log before this tx, when more than its own record may fail to be encoded
	leaves := len(b.leaves)
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		var broken state.Fault
		if err, ok := r.(error); ok && errors.As(err, &broken) {
			panic(r)
		}
		if before != nil {
			b.frontier, b.leaves = before, b.leaves[:leaves]
		}
		result = refused(fmt.Errorf("%w: %v", tx.CodeInternal, r))
		result.Panicked = true
	}()
	outer := b.context.Overlay.Child()
	c := b.contextFor(t, outer)
	if err := admit(&c); err != nil {
		return refused(err)
	}
	charge(&c)

	inner := outer.Child()
	c.Overlay = inner
	err := ruleOf(t.Kind).apply(&c)
	if err == nil {
		inner.Keep()
	} else {
		c.Left = nil
	}
	result = refused(err)
	result.Admitted, result.Fee = true, fee(&c)
	result.GasWanted, result.GasUsed = t.Body.GasLimit, t.Gas()
	result.Events = outer.TakeEvents()
	if quiet := c.Free && err == nil && freeOf(t.Kind).quiet; !quiet {
		result.Record = b.record(&c, index, &result)
		c.Result.RecordIndex = c.RecordIndex
	}
	if result.Data, err = c.Result.Marshal(); err != nil {
		panic(err)
	}
	if len(c.Left) > 0 {
		before = b.frontier.Clone()
	}
	if result.Record != nil {
		b.append(result.Record)
	}
	b.leave(c.Left)
	outer.Keep()
	return result
}

func (b *Block) contextFor(t *tx.Transaction, o *state.Overlay) state.Context {
	c := b.context
	c.For(t)
	c.Overlay, c.RecordIndex, c.LeftFirst = o, b.frontier.Size(), b.frontier.Size()+1
	c.Record, c.Result = b.newRecord(), tx.Result{}
	return c
}

// record completes the record that the rule began, or makes the plain one.
func (b *Block) record(c *state.Context, index uint32, r *TxResult) []byte {
	entry := &audit.Tx{
		Tx: c.Tx.Raw, Index: index, Codespace: r.Codespace, Code: r.Code, GasUsed: r.GasUsed, Fee: r.Fee,
		Vouchers: c.Vouchers,
	}
	if len(entry.Tx) > tx.TxBytesMax { // more than a leaf may hold: its block has it
		entry.Tx, entry.TxDigest = nil, c.Tx.Hash[:]
	}
	switch body := c.Record.Body.(type) {
	case *audit.Record_Decision:
		body.Decision.Tx = entry
	case *audit.Record_Approval:
		body.Approval.Tx = entry
	case *audit.Record_Receipt:
		body.Receipt.Tx = entry
	default:
		c.Record.Body = &audit.Record_Tx{Tx: entry}
	}
	return encode(c.Record)
}

func (b *Block) newRecord() *audit.Record {
	root := b.frontier.Root()
	return &audit.Record{
		PrevSize: b.frontier.Size(), PrevRoot: root[:],
		Height: b.header.Height, TimeMs: b.context.TimeMs, ChainTimeMs: b.context.ChainTimeMs,
	}
}

func encode(r *audit.Record) []byte {
	leaf, err := audit.EncodeLeaf(r)
	if err != nil {
		panic(err) // rules keep their records below the limit
	}
	return leaf
}

func (b *Block) append(leaf []byte) {
	b.frontier.Append(audit.LeafHash(leaf))
	b.leaves = append(b.leaves, leaf)
}

// Finish runs the steps after the txs, closes the block's part of the log and writes its head.
func (b *Block) Finish() *Outcome {
	b.runSteps(stepsAfter)
	if len(b.leaves) > 0 || b.header.Height == 1 { // record 0, of genesis, is committed with block 1
		r := b.newRecord()
		r.Body = &audit.Record_Block{Block: &audit.Block{Txs: b.txs, AppHashBefore: b.header.AppHash}}
		b.append(encode(r))
	}
	return b.outcome()
}

func (b *Block) runSteps(steps []step) {
	for _, s := range steps {
		b.context.LeftFirst, b.context.Left = b.frontier.Size(), nil
		s.run(&b.context)
		b.leave(b.context.Left)
	}
	b.context.Left = nil
}

// leave appends records whose bodies alone are set.
func (b *Block) leave(left []*audit.Record) {
	for _, body := range left {
		r := b.newRecord()
		r.Body = body.Body
		b.append(encode(r))
	}
}

func (b *Block) outcome() *Outcome {
	o := b.context.Overlay
	head := b.frontier.Head()
	if len(b.leaves) > 0 {
		o.SetRaw(state.AuditHeadKey, head.Encode())
		o.SetRaw(state.AuditFrontierKey, b.frontier.Encode())
		state.AuditHeads.Set(o, b.header.Height, &state.AuditHead{Size_: head.Size, Root: head.Root[:]})
	}
	return &Outcome{
		Height: b.header.Height, Overlay: o, Leaves: b.leaves, Head: head, Events: o.TakeEvents(),
		Updates: b.context.Updates,
	}
}

// refused is the result of a tx that ended with err, or of one that was done if err is nil.
func refused(err error) TxResult {
	if err == nil {
		return TxResult{}
	}
	space, number := ErrorCode(err)
	return TxResult{Codespace: space, Code: number, Log: err.Error()}
}

// ErrorCode is the code that an error wraps; one without a code is a fault of the program.
func ErrorCode(err error) (space string, number uint32) {
	var code *tx.Code
	if !errors.As(err, &code) {
		code = tx.CodeInternal
	}
	return code.Space, code.Number
}
