package simulation

import (
	"testing"

	"mprd/economics"
)

// world0 is a world before its first block.
func world0(t *testing.T, agents ...Kind) *world {
	t.Helper()
	c := DefaultConfig(economics.Defaults(), 1)
	c.Agents = agents
	w, err := newWorld(c)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestAFalseAccuserLosesHalfOrAllOfTheBond, the accused never anything, and half of what is lost is the most
// that reaches him.
func TestAFalseAccuserLosesHalfOrAllOfTheBond(t *testing.T) {
	outcomes := map[[3]uint64]bool{} // what accuser, accused and reserve have more or less of the bond
	for seed := range uint64(20) {
		w := world0(t, FalseAccuser, Honest)
		w.chance = chance{seed}
		w.height = 1
		if err := w.accuse(); err != nil || len(w.cases) != 1 {
			t.Fatalf("%d cases (%v)", len(w.cases), err)
		}
		bond := w.cases[0].bond
		if err := w.check(); err != nil || w.money.pool[bondEscrow] != 2*bond {
			t.Fatalf("escrow %d (%v)", w.money.pool[bondEscrow], err)
		}
		w.height = w.cases[0].due - 1
		if err := w.executeCases(); err != nil || len(w.cases) != 1 {
			t.Fatalf("the case ended before its window (%v)", err)
		}
		w.height++
		if err := w.executeCases(); err != nil || len(w.cases) != 0 {
			t.Fatalf("%d cases are left (%v)", len(w.cases), err)
		}
		if err := w.check(); err != nil {
			t.Fatal(err)
		}
		start := w.config.Balance
		lost, won := start-w.money.account[0], w.money.account[1]-start
		outcomes[[3]uint64{lost, won, w.money.pool[slashReserve]}] = true
		if w.money.active[1] != w.config.Stake {
			t.Errorf("the accused lost stake: %d left", w.money.active[1])
		}
	}
	bond := uint64(200_000_000) // 20 % of 5 % of 20 000 tokens
	undecided, wrong := [3]uint64{bond / 2, 0, bond / 2}, [3]uint64{bond, bond / 2, bond / 2}
	if len(outcomes) != 2 || !outcomes[undecided] || !outcomes[wrong] {
		t.Errorf("outcomes %v, want %v and %v", outcomes, undecided, wrong)
	}
}

func TestEveryFurtherFaultSuspendsLonger(t *testing.T) {
	w := world0(t, Honest)
	o := &w.operators[0]
	for fault, epochs := range []uint64{2, 4, 8, 16, 32, 64, 64} {
		o.doneCount, o.evaluated, o.failedFor = 0, 20, []int{1, 2, 3}
		if err := w.verdicts(); err != nil {
			t.Fatal(err)
		}
		if got := o.suspendedUntil - w.epoch - 1; got != epochs || len(w.cases) != fault+1 {
			t.Errorf("fault %d suspends %d epochs, want %d; %d cases", fault+1, got, epochs, len(w.cases))
		}
	}
}

func TestNobodyIsDrawnForHisOwnRequestNorBeyondHisHeadroom(t *testing.T) {
	w := world0(t, Flooder, Honest, Honest)
	for range 200 {
		for _, who := range w.draw(&action{requester: 0, value: 1}) {
			if who == 0 {
				t.Fatal("drawn for his own request")
			}
		}
	}
	share := uint64(15_000_000) // a tenth of 75 tokens for each 10 000
	if got := w.draw(&action{requester: 0, value: share}); len(got) != 2 {
		t.Errorf("drawn at the limit: %v", got)
	}
	if got := w.draw(&action{requester: 0, value: share + 1}); len(got) != 0 {
		t.Errorf("drawn beyond the limit: %v", got)
	}
	w.operators[1].reserved[0] = 1
	if got := w.draw(&action{requester: 0, value: share}); len(got) != 1 || got[0] != 2 {
		t.Errorf("drawn beside a reservation: %v", got)
	}
	w.operators[2].suspendedUntil = 1
	if got := w.draw(&action{requester: 0, value: share}); len(got) != 0 {
		t.Errorf("drawn while suspended: %v", got)
	}
}
