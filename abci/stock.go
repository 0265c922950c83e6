package abci

import (
	"errors"
	"math"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mprd/state"
)

// stock is what the state holds in whole tables. Reading them takes long on a large chain, so it is taken
// beside the blocks, of one committed version, once in a while.
type stock struct {
	counted, genesis, height      prometheus.Gauge
	stake, unbonding, burned      prometheus.Gauge
	jailed, tombstoned, suspended prometheus.Gauge
	cases                         *prometheus.GaugeVec

	taking sync.WaitGroup
	mu     sync.Mutex // guards what follows
	busy   bool
	ended  bool // nothing begins any more
	next   time.Time
}

// Between two times at least a minute passes, and most of the time nothing is read.
const (
	stockPause = time.Minute
	stockShare = 50 // the pause is at least so many times as long as the reading
)

func newStock(gauge func(name, help string) prometheus.Gauge, cases *prometheus.GaugeVec) *stock {
	return &stock{
		counted:    gauge("supply_counted", "Base units in accounts, stake, unbonding, pools, and burned."),
		genesis:    gauge("supply_genesis", "Base units that genesis stated; the same, for ever."),
		height:     gauge("supply_height", "Height at which the supply was counted last."),
		stake:      gauge("stake", "Active stake of all operators, in base units."),
		unbonding:  gauge("stake_unbonding", "Stake that unbonds, in base units."),
		burned:     gauge("supply_burned", "Base units that were burned."),
		jailed:     gauge("validators_jailed", "Validators that are jailed now, less the tombstoned."),
		tombstoned: gauge("validators_tombstoned", "Validators that signed twice: never elected again."),
		suspended:  gauge("operators_suspended", "Operators that are suspended now."),
		cases:      cases,
	}
}

// takeStock begins to read the newest version, unless that is going on or was done a moment ago.
func (a *Application) takeStock(now time.Time) {
	s := a.metrics.stock
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy || now.Before(s.next) || s.ended {
		return
	}
	s.busy = true
	view := a.store.View()
	s.taking.Add(1)
	go func() {
		defer s.taking.Done()
		defer view.Close()
		a.read(view)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.busy, s.next = false, time.Now().Add(max(stockPause, stockShare*time.Since(now)))
	}()
}

// end returns when nothing is read any more, and nothing will be.
func (s *stock) end() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.taking.Wait()
}

// read takes stock of a version. A store that cannot be read ends the node, as it does everywhere.
func (a *Application) read(view *state.View) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		var fault state.Fault
		why := thrown(r)
		if errors.As(why, &fault) {
			a.fail("taking stock", why)
			return
		}
		a.log.Error().Err(why).Msg("stock could not be taken")
	}()
	s, o := a.metrics.stock, state.NewOverlay(view, nil)
	counted, genesis := state.Total(o)
	if counted != genesis {
		a.log.Error().Int64("height", view.Version()).Uint64("counted", counted).Uint64("genesis", genesis).
			Msg("ALARM: the supply is not what genesis stated: report this as a bug, keep the folder")
	}
	s.counted.Set(float64(counted)) // at most 10^15: exact
	s.genesis.Set(float64(genesis))
	s.height.Set(float64(view.Version()))
	s.burned.Set(float64(state.SupplyTable.Load(o, state.One{}).Burned))
	s.operators(o)
	s.validators(o)
	s.open(o)
}

func (s *stock) operators(o *state.Overlay) {
	var stake, unbonding, suspended uint64
	state.Operators.Range(o, nil, math.MaxInt, func(_ []byte, m *state.Operator) bool {
		stake, unbonding = stake+m.Stake, unbonding+m.Unbonding
		if m.Suspended {
			suspended++
		}
		return true
	})
	s.stake.Set(float64(stake))
	s.unbonding.Set(float64(unbonding))
	s.suspended.Set(float64(suspended))
}

func (s *stock) validators(o *state.Overlay) {
	var jailed, tombstoned uint64
	state.Validators.Range(o, nil, math.MaxInt, func(_ []byte, m *state.Validator) bool {
		switch {
		case m.Tombstoned:
			tombstoned++
		case m.Jailed:
			jailed++
		}
		return true
	})
	s.jailed.Set(float64(jailed))
	s.tombstoned.Set(float64(tombstoned))
}

// open counts the cases that are not over, by class.
func (s *stock) open(o *state.Overlay) {
	var open [4]uint64
	state.Cases.Range(o, nil, math.MaxInt, func(_ []byte, m *state.Case) bool {
		if int(m.Class) < len(open) && m.State < state.CaseState_CASE_STATE_REJECTED {
			open[m.Class]++
		}
		return true
	})
	for class, name := range []string{1: "A", 2: "B", 3: "C"} { // as state.CaseClass counts
		if name != "" {
			s.cases.WithLabelValues(name).Set(float64(open[class]))
		}
	}
}
