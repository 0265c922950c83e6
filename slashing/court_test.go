package slashing_test

import (
	"fmt"
	"slices"
	"testing"

	"mprd/app"
	"mprd/audit"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// Windows of the tests' chain, in ms of C, short enough to be walked through.
const (
	objectiveMs  = 3000
	computedMs   = 4000
	subjectiveMs = 6000
	resolveMs    = 5000
	extensionMs  = 1000
	reportMs     = 20_000
	unbondingMs  = 40_000
	courtGapMs   = 500
)

const (
	oneToken = tx.UnitsPerToken
	stake    = 10_000 * oneToken // everybody's
	// What the tests' infractions cost.
	equivocationSlash = stake / 10
	falseSlash        = stake / 20
	liveSlash         = stake / 100
	bond              = 100 * oneToken // of an accusation: the minimum, and 20 % of the claim
)

// court is a chain with short windows, whose cases are held against the invariants after every block.
type court struct {
	*testchain.Chain
	t        testing.TB
	gapMs    uint64
	executed map[uint64]uint64 // case -> what it took
}

// sit opens a chain. edits change its economic parameters.
func sit(t testing.TB, edits ...func(p map[string]any)) *court {
	t.Helper()
	economics := map[string]any{
		"dispute_objective_ms": objectiveMs, "dispute_computed_ms": computedMs,
		"dispute_subjective_ms": subjectiveMs, "resolve_ms": resolveMs, "extension_ms": extensionMs,
		"report_ms": reportMs, "unbonding_ms": unbondingMs,
		"evaluated_min": 1, "failures_min": 1, "requesters_min": 1, "heartbeat_ms": 60_000,
	}
	for _, edit := range edits {
		edit(economics)
	}
	chain := testchain.New(t, func(doc map[string]any) {
		doc["params"] = map[string]any{
			"economics": economics, "gap_ms": courtGapMs, "epoch_ms": 60_000, "epoch_blocks_min": 1, "attempts_max": 1,
		}
	})
	return &court{Chain: chain, t: t, gapMs: courtGapMs, executed: map[uint64]uint64{}}
}

// now is C.
func (c *court) now() uint64 { return state.ClockTable.Load(c.Overlay(), state.One{}).ChainTimeMs }

// until runs empty blocks until C is ms, to the millisecond.
func (c *court) until(ms uint64) {
	c.t.Helper()
	for now := c.now(); now < ms; now = c.now() {
		c.block(min(c.gapMs, ms-now))
	}
	if now := c.now(); now != ms {
		c.t.Fatalf("C is %d, want %d", now, ms)
	}
}

// block commits a block, after ms of T, and holds the invariants.
func (c *court) block(ms uint64, txs ...[]byte) []app.TxResult {
	c.t.Helper()
	results := c.BlockAfter(ms, txs...)
	c.holds()
	return results
}

// send commits one tx in a block after ms and holds what it comes to.
func (c *court) send(ms uint64, who string, m testchain.Message, want *tx.Code) uint64 {
	c.t.Helper()
	r := c.block(ms, c.Tx(who, m))[0]
	got := tx.CodeOf(r.Codespace, r.Code)
	if r.Code == 0 {
		got = nil
	}
	if !r.Admitted || got != want {
		c.t.Fatalf("%s: %s/%d %s, want %v", who, r.Codespace, r.Code, r.Log, want)
	}
	var result tx.Result
	if err := result.Unmarshal(r.Data); err != nil {
		c.t.Fatal(err)
	}
	return result.Case
}

// does sends what is to be done, 100 ms later.
func (c *court) does(who string, m testchain.Message) uint64 {
	c.t.Helper()
	return c.send(100, who, m, nil)
}

// refuses sends what is to be refused.
func (c *court) refuses(who string, m testchain.Message, want *tx.Code) {
	c.t.Helper()
	c.send(100, who, m, want)
}

func (c *court) row(number uint64) *state.Case {
	c.t.Helper()
	row, ok := state.Cases.Get(c.Overlay(), number)
	if !ok {
		c.t.Fatalf("there is no case %d", number)
	}
	return row
}

// is holds the state of a case.
func (c *court) is(number uint64, want state.CaseState) *state.Case {
	c.t.Helper()
	row := c.row(number)
	if row.State != want {
		c.t.Fatalf("case %d is %s, want %s", number, row.State, want)
	}
	return row
}

func (c *court) operator(who string) *state.Operator {
	return state.Operators.Load(c.Overlay(), testchain.Address(who))
}

func (c *court) pool(name string) uint64 { return state.Pools.Load(c.Overlay(), name).Units }

// gains runs f and says what it brought an account, the fees of its txs put back.
func (c *court) gains(who string, f func()) int64 {
	c.t.Helper()
	before, first := c.Balance(who), len(c.Leaves)
	f()
	gained := int64(c.Balance(who)) - int64(before)
	for _, leaf := range c.Leaves[first:] {
		r, err := audit.DecodeLeaf(leaf)
		if err != nil {
			c.t.Fatal(err)
		}
		entry := r.GetTx()
		if entry == nil || len(entry.Tx) == 0 {
			continue
		}
		if t, err := tx.Decode(entry.Tx); err == nil && t.Signer() == testchain.Address(who) {
			gained += int64(entry.Fee)
		}
	}
	return gained
}

// changes are what the log says of a case, in order.
func (c *court) changes(number uint64) (list []string) {
	for _, leaf := range c.Leaves {
		if r, err := audit.DecodeLeaf(leaf); err != nil {
			c.t.Fatal(err)
		} else if b := r.GetCase(); b != nil && b.Number == number {
			list = append(list, b.Change)
		}
	}
	return list
}

// told holds what the log says of a case.
func (c *court) told(number uint64, want ...string) {
	c.t.Helper()
	if got := c.changes(number); !slices.Equal(got, want) {
		c.t.Errorf("case %d: the log tells %q, want %q", number, got, want)
	}
}

// holds are the invariants of economics.md section 8 about cases, after a block: 8, 10, 12, 13, and what the
// rows say of each other. The chain itself holds 1, the supply.
func (c *court) holds() {
	c.t.Helper()
	o := c.Overlay()
	const all = int(^uint(0) >> 1)
	var bonds, reserved, open, argued, dues uint64
	held, against := map[tx.Address]uint64{}, map[tx.Address]uint32{}
	executed := map[string]uint64{}
	state.Cases.Range(o, nil, all, func(key []byte, row *state.Case) bool {
		number := state.HeightOf(key)
		accused := tx.AddressFrom(row.Accused)
		reserved += row.Reserved
		held[accused] += row.Held
		if row.State < state.CaseState_CASE_STATE_REJECTED {
			bonds += row.Bond + row.DisputeBond
			open++
			against[accused]++
			if row.Class == state.CaseClass_CASE_CLASS_SUBJECTIVE {
				argued++
			}
		} else if row.Held != 0 {
			c.t.Fatalf("case %d is over and holds %d", number, row.Held)
		}
		if !state.CaseDue.Has(o, state.CaseEnd{AtMs: row.DueMs, Number: number}) {
			c.t.Fatalf("case %d has no entry at %d", number, row.DueMs)
		}
		c.holdsSlash(number, row)
		if row.State == state.CaseState_CASE_STATE_EXECUTED {
			infraction := fmt.Sprintf("%x %d %x", row.Accused, row.Infraction, row.Subject)
			if other := executed[infraction]; other != 0 {
				c.t.Fatalf("cases %d and %d were executed for one infraction", other, number)
			}
			executed[infraction] = number
		}
		return true
	})
	state.CaseDue.Range(o, nil, all, func([]byte, *state.Index) bool { dues++; return true })
	counter := state.CaseCounterTable.Load(o, state.One{})
	var rows uint64
	state.Cases.Range(o, nil, all, func([]byte, *state.Case) bool { rows++; return true })
	if dues != rows || counter.Open != open || counter.Argued != argued {
		c.t.Fatalf("%d cases with %d ends, %d open, %d argued; counted %v", rows, dues, open, argued, counter)
	}
	if pool := c.pool(state.PoolBondEscrow); pool != bonds {
		c.t.Fatalf("%d in the bond escrow, bonds of open cases are %d", pool, bonds)
	}
	if pool := c.pool(state.PoolSlashReserve); pool != reserved {
		c.t.Fatalf("%d in the slash reserve, cases have %d there", pool, reserved)
	}
	state.Operators.Range(o, nil, all, func(key []byte, row *state.Operator) bool {
		a := tx.AddressFrom(key)
		if row.Held != held[a] || row.Cases != against[a] || row.Held > row.Stake+row.Unbonding {
			c.t.Fatalf("%s: %d held and %d cases, by the cases %d and %d; %d staked, %d unbonding",
				testchain.NameOf(key), row.Held, row.Cases, held[a], against[a], row.Stake, row.Unbonding)
		}
		return true
	})
}

// holdsSlash: nothing is taken before the window's end, nothing more than was asked for, and only once; the
// reporter's share and the treasury's are the whole.
func (c *court) holdsSlash(number uint64, row *state.Case) {
	c.t.Helper()
	if row.State != state.CaseState_CASE_STATE_EXECUTED {
		if row.Executed != 0 || row.Whistle != 0 {
			c.t.Fatalf("case %d is %s and took %d", number, row.State, row.Executed)
		}
		return
	}
	if before, known := c.executed[number]; known && before != row.Executed {
		c.t.Fatalf("case %d took %d, and then %d", number, before, row.Executed)
	}
	c.executed[number] = row.Executed
	if row.EndedMs < row.WindowEndsMs {
		c.t.Fatalf("case %d was executed at %d, its window ends at %d", number, row.EndedMs, row.WindowEndsMs)
	}
	if row.Executed > row.Amount || row.Whistle > row.Executed*row.WhistleRate/1_000_000 {
		c.t.Fatalf("case %d took %d of %d, the reporter's share is %d",
			number, row.Executed, row.Amount, row.Whistle)
	}
}
