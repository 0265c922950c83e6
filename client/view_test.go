package client

import (
	"errors"
	"strings"
	"testing"

	"mprd/economics"
	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// TestACountdownIsInTimeAndInBlocks: C advances by at most GAP in a block.
func TestACountdownIsInTimeAndInBlocks(t *testing.T) {
	v := &View{Height: 100, Clock: &state.Clock{ChainTimeMs: 1_000_000}, Params: state.DefaultParams(),
		Epoch: &state.Epoch{Number: 7, StartedHeight: 90, StartedMs: 990_000}}
	v.Params.GapMs, v.Params.EpochMs, v.Params.EpochBlocksMin = 500, 3_600_000, 50
	for _, c := range []struct {
		name string
		got  Countdown
		want string
	}{
		{"past", v.Until(999_999), "now"},
		{"this very moment", v.Until(1_000_000), "now"},
		{"a millisecond", v.Until(1_000_001), "in 0.0 s, at least 1 block"},
		{"one GAP", v.Until(1_000_500), "in 0.5 s, at least 1 block"},
		{"a little more", v.Until(1_000_501), "in 0.5 s, at least 2 blocks"},
		{"hours", v.Until(1_000_000 + 7_380_000), "in 2 h 3 min, at least 14 760 blocks"},
		{"the height comes later", v.UntilBoth(1_000_500, 1_100), "in 0.5 s, at least 1 000 blocks"},
		{"only the height", v.UntilBoth(1_000_000, 101), "in 0.0 s, at least 1 block"},
		{"the time comes later", v.UntilBoth(1_000_000+60_000, 101), "in 1 min, at least 120 blocks"},
		{"the end of the epoch", v.EpochEnd(), "in 59 min 50 s, at least 7 180 blocks"},
		{"the present epoch", v.EpochStart(7), "now"},
		{"the next epoch", v.EpochStart(8), "in 59 min 50 s, at least 7 180 blocks"},
		{"the one after", v.EpochStart(9), "in 1 h 59 min, at least 14 380 blocks"},
	} {
		if got := c.got.String(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if got := v.EpochStart(1 << 63); got.LeftMs == 0 {
		t.Errorf("an epoch that never comes begins %s", got)
	}
}

func TestDurationsHaveTheirTwoLargestUnits(t *testing.T) {
	for ms, want := range map[uint64]string{
		0: "0.0 s", 999: "0.9 s", 59_999: "59.9 s", 60_000: "1 min", 3_599_999: "59 min 59 s", 3_600_000: "1 h",
		86_399_999: "23 h 59 min", 86_400_000: "1 d", 14 * 86_400_000: "14 d", 90_000_000: "1 d 1 h",
	} {
		if got := DurationText(ms); got != want {
			t.Errorf("%d ms: %q, want %q", ms, got, want)
		}
	}
	for n, want := range map[uint64]string{0: "0 blocks", 1: "1 block", 999: "999 blocks", 1000: "1 000 blocks",
		3_024_002: "3 024 002 blocks"} {
		if got := BlocksText(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

// provenViewOf is a view by light client.
func (n *node) provenViewOf(addresses ...string) (*View, error) {
	n.t.Helper()
	l, err := n.light(addresses...)
	ok(n.t, err)
	return l.View(n.ctx)
}

// TestAnOperatorsStandingIsInItsRows: by a node's word and proven, the same.
func TestAnOperatorsStandingIsInItsRows(t *testing.T) {
	n := startNode(t)
	const stake = 10_000 * tx.UnitsPerToken
	ok(t, n.commitTx(n.signed("exec-1", testchain.Unbond(stake))).Err())
	told, err := n.View(n.ctx)
	ok(t, err)
	proven, err := n.provenViewOf(n.address, n.address)
	ok(t, err)
	if told.Proven != nil || proven.Proven == nil || proven.Proven.Height != proven.Height {
		t.Errorf("told %v, proven %v at %d", told.Proven, proven.Proven, proven.Height)
	}
	for _, v := range []*View{told, proven} {
		s, err := v.Standing(n.ctx, testchain.Address("exec-1"))
		ok(t, err)
		if s.Operator.Stake != 0 || len(s.Unbonding) != 1 || s.Unbonding[0].Amount != stake || s.Entity != "golf" {
			t.Errorf("%v, unbonding %v, entity %q", s.Operator, s.Unbonding, s.Entity)
		}
		e := &s.Unbonding[0]
		back := v.UntilBoth(e.EndsMs, e.EndsHeight)
		if most := v.Params.Economics.UnbondingMs; back.LeftMs == 0 || back.LeftMs > most ||
			back.Blocks < v.Params.Economics.UnbondingBlocks()-100 {
			t.Errorf("back %s", back)
		}
		if _, err := v.Standing(n.ctx, testchain.Address("plain")); !errors.Is(err, ErrNotFound) {
			t.Errorf("who is no operator: %v", err)
		}
		if s.Covers != 0 || s.Witnessed != 0 {
			t.Errorf("no stake covers %d, %d", s.Covers, s.Witnessed)
		}
		supply, err := v.Supply(n.ctx)
		ok(t, err)
		if supply.Counted() != supply.Genesis || supply.Unbonding != stake {
			t.Errorf("supply %+v", supply)
		}
	}
	if _, err := proven.Record(n.ctx, proven.Proven.Records); !errors.Is(err, ErrNotFound) {
		t.Errorf("a record that came after the view: %v", err)
	}
}

// TestAScoreSoFarIsThatOfTheSettlement: heartbeats by slots, signatures by blocks, work by what was asked.
func TestAScoreSoFarIsThatOfTheSettlement(t *testing.T) {
	v := &View{Height: 1100, Params: state.DefaultParams(), Clock: &state.Clock{ChainTimeMs: 4_000_000},
		Epoch: &state.Epoch{Number: 2, StartedHeight: 100, StartedMs: 1_000_000}}
	v.Params.Economics.HeartbeatMs, v.Params.Economics.StandardGas = 600_000, 1
	of := func(beats uint64, signer *state.Signer, d state.Duty) (uptime, throughput uint64) {
		return v.Score(&Standing{Operator: &state.Operator{Heartbeats: beats}, Signer: signer, Duty: &d})
	}
	for _, c := range []struct {
		name   string
		beats  uint64
		signer *state.Signer
		duty   state.Duty
		up, by uint64
	}{
		{"nothing asked, nothing said", 0, nil, state.Duty{}, 0, economics.PPM},
		{"every heartbeat of five slots but one", 4, nil, state.Duty{}, economics.PPM, economics.PPM},
		{"more than there were slots", 9, nil, state.Duty{}, economics.PPM, economics.PPM},
		{"two of four", 2, nil, state.Duty{}, 500_000, economics.PPM},
		{"half of the blocks", 0, &state.Signer{Expected: 1000, Seen: 500}, state.Duty{}, 500_000, economics.PPM},
		{"all blocks of its half, no heartbeat", 0, &state.Signer{Expected: 500, Seen: 500}, state.Duty{}, 500_000,
			economics.PPM},
		{"and heartbeats before", 5, &state.Signer{Expected: 500, Seen: 500}, state.Duty{}, economics.PPM,
			economics.PPM},
		{"late work earns nothing", 5, nil, state.Duty{DoneWork: 500, FailedWork: 249, LateWork: 250},
			economics.PPM, 750_000},
		{"missed and contradicted", 5, nil, state.Duty{DoneWork: 499, MissedWork: 250, ContradictedWork: 250},
			economics.PPM, 500_000},
	} {
		if up, by := of(c.beats, c.signer, c.duty); up != c.up || by != c.by {
			t.Errorf("%s: uptime %d, throughput %d; want %d, %d", c.name, up, by, c.up, c.by)
		}
	}
	v.Clock.ChainTimeMs = v.Epoch.StartedMs + 599_999
	if up, _ := of(0, nil, state.Duty{}); up != economics.PPM {
		t.Errorf("within the first slot: uptime %d", up)
	}
	row := &state.Operator{StakeLow: 200_000 * tx.UnitsPerToken, RegisteredAtMs: 999_999}
	if got := v.Earns(row); got != v.Params.Economics.StakeCap {
		t.Errorf("earns on %d", got)
	}
	late, out := *row, *row
	late.StakeLow, out.Suspended = 0, true // as the chain has it of who registered during the epoch
	if v.Earns(&late) != 0 || v.Earns(&out) != 0 {
		t.Error("who came during the epoch, or is suspended, earns")
	}
}

// TestAProvenViewBelievesNoLiar: a row that is changed, hidden or made up is no row of it.
func TestAProvenViewBelievesNoLiar(t *testing.T) {
	n := startNode(t)
	made := state.Row{Key: []byte("no such pool"), Value: []byte{8, 1}}
	for _, l := range []lie{
		{"an operator's row", "abci_query", state.PathTable + "operators", flipped(300, "value", "response")},
		{"an operator hidden", "abci_query", state.PathTable + "operators", set("", "value", "response")},
		{"the clock", "abci_query", state.PathTable + "clock", flipped(900, "value", "response")},
		{"a pool made up", "abci_query", state.PathPage + "pools",
			saying("", &state.Page{Rows: []state.Row{made}}).tell},
	} {
		address, told := liar(t, n.address, l)
		v, err := n.provenViewOf(address, n.address)
		if err == nil {
			_, err = v.Standing(n.ctx, testchain.Address("exec-1"))
		}
		if err == nil {
			_, err = v.Supply(n.ctx)
		}
		if !errors.Is(err, ErrBadProof) || told.Load() == 0 {
			t.Errorf("%s: %v after %d lies", l.name, err, told.Load())
		}
	}
}

// TestParametersThatCannotBeAreNoView: nothing is worked out with parameters that no chain can have.
func TestParametersThatCannotBeAreNoView(t *testing.T) {
	n := startNode(t)
	params := state.DefaultParams()
	params.GapMs = 0
	_, err := newClient(t, answerOf(t, n.address, saying(state.PathTable+"params", params))).View(n.ctx)
	if !errors.Is(err, ErrBadProof) || !strings.Contains(err.Error(), "gap_ms") {
		t.Errorf("%v", err)
	}
}

// TestCometBFTsSetIsHeldAgainstTheMirror: in effect two blocks after a change, and an alarm if it is not.
func TestCometBFTsSetIsHeldAgainstTheMirror(t *testing.T) {
	n := startNode(t)
	v, err := n.View(n.ctx)
	ok(t, err)
	s, err := v.Seats(n.ctx)
	ok(t, err)
	if len(s.List) != 1 || s.Alarm != "" || s.List[0].Power != 10 || s.List[0].Comet != 10 || s.Total != 10 ||
		s.Share(&s.List[0]) != economics.PPM || s.StateOf(&s.List[0]) != "of the genesis file" {
		t.Errorf("%+v", s)
	}
	for _, c := range []struct {
		changed, block uint64
		alarm          bool
	}{{10, 11, false}, {10, 12, true}, {10, 13, true}} {
		differ := &Seats{List: []Seat{{Power: 10, Comet: 9}}, Changed: c.changed}
		if differ.compare(c.block); (differ.Alarm != "") != c.alarm {
			t.Errorf("changed by %d, set of block %d: alarm %q", c.changed, c.block, differ.Alarm)
		}
	}
}

func TestASeatsStateIsInAWord(t *testing.T) {
	own, of := &state.Validator{Operator: make([]byte, 20)}, tx.Address{1}
	row := func(edit func(*state.Validator)) *state.Validator {
		v := *own
		edit(&v)
		return &v
	}
	for want, seat := range map[string]Seat{
		"validates":   {Validator: own, Operator: of, Power: 5, Target: 5, Comet: 5},
		"joining":     {Validator: own, Operator: of, Power: 5, Target: 5},
		"leaving":     {Validator: own, Operator: of, Power: 5, Comet: 5},
		"left":        {Validator: own, Operator: of, Comet: 5},
		"not elected": {Validator: own, Operator: of},
		"jailed": {Validator: row(func(v *state.Validator) { v.Jailed = true }), Operator: of,
			Power: 5, Comet: 5},
		"jailed, unjail asked": {Validator: row(func(v *state.Validator) { v.Jailed, v.UnjailAsked = true, true }),
			Operator: of},
		"tombstoned": {Validator: row(func(v *state.Validator) { v.Jailed, v.Tombstoned = true, true }),
			Operator: of},
		"of the genesis file": {Power: 10, Comet: 10},
	} {
		if got := (&Seats{}).StateOf(&seat); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
