package simulation

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"mprd/economics"
	"mprd/tx"
)

func run(t *testing.T, c Config) *Result {
	t.Helper()
	r, err := Run(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestHonestyPaysBestInAMonthOfEveryKind: nobody who deviates ends with more than the best honest agent, and
// who can be slashed for it ends with a loss.
func TestHonestyPaysBestInAMonthOfEveryKind(t *testing.T) {
	for seed := uint64(1); seed <= 4; seed++ {
		r := run(t, DefaultConfig(economics.Defaults(), seed))
		if !r.Dominant {
			t.Errorf("seed %d: a deviant has more than the best of the honest", seed)
		}
		for _, a := range r.Agents {
			switch a.Kind {
			case Honest:
				if a.Utility < 20*tx.UnitsPerToken || a.Slashed != 0 {
					t.Errorf("seed %d: an honest agent ends with %d u, slashed %d", seed, a.Utility, a.Slashed)
				}
			case Staller, Equivocator, FalseFailed, SelfReporter:
				if a.Utility >= 0 || a.Slashed == 0 {
					t.Errorf("seed %d: %s ends with %d u, slashed %d", seed, a.Name, a.Utility, a.Slashed)
				}
			case FalseAccuser:
				if a.Utility >= 0 || a.Bonds == 0 {
					t.Errorf("seed %d: %s ends with %d u, lost bonds of %d", seed, a.Name, a.Utility, a.Bonds)
				}
			case Flooder, Idle:
				if a.Utility > 0 {
					t.Errorf("seed %d: %s ends with %d u", seed, a.Name, a.Utility)
				}
			}
		}
	}
}

// TestAMonthAmongTheHonestPaysATenthOfAPercent of the stake, to the unit. Where a proposer colludes, it is a
// few parts less: what he leaves out shows in epochs in which it leaves the dead band.
func TestAMonthAmongTheHonestPaysATenthOfAPercent(t *testing.T) {
	c := DefaultConfig(economics.Defaults(), 7)
	c.Agents = []Kind{Honest, Honest, Honest}
	for _, a := range run(t, c).Agents {
		if a.Reward != 20*tx.UnitsPerToken || a.Slashed != 0 {
			t.Errorf("reward %d, slashed %d", a.Reward, a.Slashed)
		}
	}
}

func TestOneSeedIsOneRun(t *testing.T) {
	c := DefaultConfig(economics.Defaults(), 3)
	c.Epochs = 60
	first, second := run(t, c), run(t, c)
	if !reflect.DeepEqual(first, second) {
		t.Error("the same seed gave two runs")
	}
	c.Seed++
	if reflect.DeepEqual(first, run(t, c)) {
		t.Error("another seed gave the same run")
	}
}

// TestNothingIsMintedOrLostWhateverTheRun is invariants 1 to 4, 7, 9, 12, 13 and 22 over any roster and
// parameters: Run checks them after every block and fails if one does not hold.
func TestNothingIsMintedOrLostWhateverTheRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := economics.Defaults()
		p.VoucherEpochs = rapid.Uint64Range(1, 5).Draw(t, "voucher epochs")
		p.WhistleRate = rapid.Uint64Range(0, economics.PPM-1).Draw(t, "whistle")
		p.RewardRate = rapid.Uint64Range(0, economics.PPM).Draw(t, "reward rate")
		p.SlashLive = rapid.Uint64Range(1, economics.PPM).Draw(t, "slash live")
		p.DisputeObjectiveMs = rapid.Uint64Range(1, 20_000_000).Draw(t, "dispute")
		p.DisputeComputedMs, p.DisputeSubjectiveMs = p.DisputeObjectiveMs, p.DisputeObjectiveMs
		p.ResolveMs, p.ReportMs, p.UnbondingMs = 1, 1000, p.DisputeObjectiveMs+50_000_000
		c := DefaultConfig(p, rapid.Uint64().Draw(t, "seed"))
		c.Epochs = rapid.Uint64Range(1, 40).Draw(t, "epochs")
		c.EpochBlocks = rapid.Uint64Range(1, 20).Draw(t, "blocks")
		c.Users = rapid.IntRange(1, 5).Draw(t, "users")
		c.Balance = rapid.Uint64Range(0, 3000*tx.UnitsPerToken).Draw(t, "balance")
		c.RewardPool = rapid.Uint64Range(0, 10*tx.UnitsPerToken).Draw(t, "pool")
		c.ActionRate = rapid.Uint64Range(0, economics.PPM).Draw(t, "rate")
		kind := rapid.Map(rapid.IntRange(0, int(kinds)-1), func(k int) Kind { return Kind(k) })
		c.Agents = rapid.SliceOfN(kind, 1, 10).Draw(t, "agents")
		r, err := Run(c)
		if err != nil || r.Blocks != c.Epochs*c.EpochBlocks {
			t.Fatalf("%+v (%v)", r, err)
		}
	})
}

func TestAWorldThatLostAUnitIsFound(t *testing.T) {
	for name, spoil := range map[string]func(*world){
		"supply":   func(w *world) { w.money.account[0]-- },
		"minted":   func(w *world) { w.money.active[0]++ },
		"vouchers": func(w *world) { w.money.vouchers[0] = []voucher{{9, 1}} },
		"bonds":    func(w *world) { w.money.account[0]--; w.money.pool[bondEscrow]++ },
		"fees":     func(w *world) { w.money.account[0]--; w.money.pool[feeEscrow]++ },
		"slashed":  func(w *world) { w.operators[0].slashed = w.config.Stake + 1 },
		"reserved": func(w *world) { w.operators[0].reserved[0]++ },
		"final":    func(w *world) { w.released = []release{{1, 0, 0, 1}} },
	} {
		w, err := newWorld(DefaultConfig(economics.Defaults(), 1))
		if err != nil {
			t.Fatal(err)
		}
		spoil(w)
		if err := w.check(); !errors.Is(err, ErrBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var from, to uint64 = 1, 1
	if err := move(&from, &to, 2); !errors.Is(err, ErrBroken) || from != 1 || to != 1 {
		t.Errorf("more was moved than there is: %d %d (%v)", from, to, err)
	}
}

func TestVouchersAreSpentOldestFirstAndExpire(t *testing.T) {
	l := newLedger(1)
	l.pool[voucherEscrow] = 30
	l.vouchers[0] = []voucher{{5, 10}, {6, 20}}
	if taken := l.spendVouchers(0, 15); taken != 15 || !slices.Equal(l.vouchers[0], []voucher{{6, 15}}) {
		t.Errorf("took %d, left %v", taken, l.vouchers[0])
	}
	l.pool[voucherEscrow] -= 15
	if err := l.expire(5); err != nil || l.held(0) != 15 {
		t.Errorf("a voucher ran out early: %d (%v)", l.held(0), err)
	}
	if err := l.expire(6); err != nil || l.held(0) != 0 || l.pool[rewards] != 15 || l.pool[voucherEscrow] != 0 {
		t.Errorf("left %d, pool %d (%v)", l.held(0), l.pool[rewards], err)
	}
}

func TestAConfigOutOfBoundsIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(*Config){
		"no params": func(c *Config) { c.Params = nil },
		"params":    func(c *Config) { c.Params.StakeMin = 0 },
		"epochs":    func(c *Config) { c.Epochs = EpochsMax + 1 },
		"no epoch":  func(c *Config) { c.Epochs = 0 },
		"blocks":    func(c *Config) { c.EpochBlocks = 0 },
		"agents":    func(c *Config) { c.Agents = nil },
		"kind":      func(c *Config) { c.Agents = []Kind{kinds} },
		"negative":  func(c *Config) { c.Agents = []Kind{-1} },
		"users":     func(c *Config) { c.Users = 0 },
		"stake":     func(c *Config) { c.Stake = tx.SupplyMax },
		"balance":   func(c *Config) { c.Balance = tx.SupplyMax },
		"pool":      func(c *Config) { c.RewardPool = tx.SupplyMax },
		"value":     func(c *Config) { c.ValueMax = 0 },
		"attempt":   func(c *Config) { c.AttemptBlocks = 1 },
		"flood":     func(c *Config) { c.FloodPerBlock = -1 },
		"in flight": func(c *Config) { c.InFlightMax = 1001 },
	} {
		c := DefaultConfig(economics.Defaults(), 1)
		spoil(&c)
		if _, err := Run(c); !errors.Is(err, economics.ErrRange) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestChanceIsUnbiasedAndInRange(t *testing.T) {
	c := chance{1}
	var counts [3]int
	for range 30_000 {
		counts[c.below(3)]++
	}
	for i, n := range counts {
		if n < 9_500 || n > 10_500 {
			t.Errorf("%d drawn %d times of 30000", i, n)
		}
	}
	for _, n := range []uint64{1, 1 << 63, 1<<63 + 1, ^uint64(0)} {
		for range 100 {
			if got := c.below(n); got >= n {
				t.Errorf("%d drawn below %d", got, n)
			}
		}
	}
}

func TestThePlotIsWellFormedAndHasALineForEveryAgent(t *testing.T) {
	c := DefaultConfig(economics.Defaults(), 2)
	c.Epochs = 30
	r := run(t, c)
	var b bytes.Buffer
	if err := r.PlotSVG(&b); err != nil {
		t.Fatal(err)
	}
	lines := 0
	for d := xml.NewDecoder(&b); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "polyline" {
			lines++
		}
	}
	if lines != len(c.Agents) {
		t.Errorf("%d lines, want %d", lines, len(c.Agents))
	}
}

func TestThePlotHoldsEveryUtility(t *testing.T) {
	r := Result{Agents: []Agent{{Series: []int64{5 * tx.UnitsPerToken, -200 * tx.UnitsPerToken}}}}
	s := r.span()
	if s != (span{2, 4}) || s.yOf(2000) != plotTop || s.yOf(-4000) != plotTop+plotInnerH {
		t.Errorf("%+v: from %d to %d", s, s.yOf(2000), s.yOf(-4000))
	}
	if got := (&Result{}).span(); got != (span{1, 1}) {
		t.Errorf("of nothing: %+v", got)
	}
}

func TestThePlotsScaleRisesByDecades(t *testing.T) {
	const token = tx.UnitsPerToken
	for utility, want := range map[int64]int{
		0: 0, token / 2: 500, token: 1000, 10 * token: 2000, 100 * token: 3000, -100 * token: -3000,
		1000 * token: 4000, 550 * token: 3500,
	} {
		if got := scaled(utility); got != want {
			t.Errorf("%d: %d, want %d", utility, got, want)
		}
	}
}

// TestReportingOneselfSavesOnlyTheWhistleblowersShare: that is S_eff, what the checker counts with.
func TestReportingOneselfSavesOnlyTheWhistleblowersShare(t *testing.T) {
	p := economics.Defaults()
	kept := map[Kind]uint64{SelfReporter: economics.PPM - p.WhistleRate, Equivocator: economics.PPM}
	for kind, share := range kept {
		c := DefaultConfig(p, 5)
		c.Agents = []Kind{Honest, Honest, kind}
		c.Epochs = 60 // the case is over, the rest unbonds
		r := run(t, c)
		a := r.Agents[2]
		lost, err := economics.Share(a.Slashed, share)
		if err != nil || a.Slashed == 0 {
			t.Fatalf("%s: slashed %d (%v)", kind, a.Slashed, err)
		}
		earned := int64(a.Reward+a.Fees+a.External) - int64(a.Cost)
		if rest := a.Utility + int64(lost) - earned; rest > 0 || rest < -tx.UnitsPerToken { // receipts' fees
			t.Errorf("%s: utility %d, slashed %d, earned %d", kind, a.Utility, a.Slashed, earned)
		}
	}
}
