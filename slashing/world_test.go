package slashing

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"testing"

	abcitypes "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/crypto/ed25519"
	cmttypes "github.com/cometbft/cometbft/types"
	"pgregory.net/rapid"

	"mprd/economics"
	"mprd/state"
	"mprd/tx"
)

// world is a chain of stake and validators alone: the real rules and steps on a real overlay, beside the
// validator sets of a CometBFT node, which asks for each block and takes what it answers.
type world struct {
	rapid.TB
	c         *state.Context
	last, now *cmttypes.ValidatorSet // that signed the block before the newest, and the newest
	next      *cmttypes.ValidatorSet // to come after now
	silent    map[Key]bool           // do not sign
	events    []state.Event          // of the newest block
}

// strictView has the overlay watch who changes a row in place.
type strictView struct{ state.Reader }

func (strictView) Strict() {}

// emptyView is the view of a store that holds nothing.
func emptyView(t testing.TB) state.Reader {
	t.Helper()
	store, err := state.OpenStore("", state.StoreOptions{InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	view := store.View()
	t.Cleanup(func() {
		view.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return strictView{view}
}

// newWorld begins a chain whose operators 0 … len(stakes)-1 have a stake, in tokens, and the consensus keys
// of the same numbers.
func newWorld(tb rapid.TB, base state.Reader, edit func(*economics.Params), stakes ...uint64) *world {
	tb.Helper()
	params := state.DefaultParams()
	params.Economics.DowntimeBlocks = 20
	edit(&params.Economics)
	o := state.NewOverlay(base, noNonces{})
	state.ParamsTable.Set(o, state.One{}, params)
	state.EpochTable.Set(o, state.One{}, &state.Epoch{Number: 1})
	c := &state.Context{Overlay: o, Params: params, ChainTimeMs: 1 << 40}
	w := &world{TB: tb, c: c, silent: map[Key]bool{}}
	for n, stake := range stakes {
		w.enrol(n, stake)
		operator := state.Operators.Load(o, address(n))
		k := key(n)
		operator.ValidatorKey = k[:]
		state.Operators.Set(o, address(n), operator)
		owner := address(n)
		state.Validators.Set(o, state.ConsensusKey(k), &state.Validator{Operator: owner[:]})
	}
	set := Begin(o, params, file())
	w.now = cmttypes.NewValidatorSet(w.words(set))
	w.next = w.now.CopyIncrementProposerPriority(1)
	w.mirrors()
	return w
}

type noNonces struct{}

func (noNonces) Used(tx.Digest) bool { return false }

// file is the set of CometBFT's genesis file, whose keys are nobody's.
func file() (set []state.Seat) {
	for k := range 4 {
		set = append(set, state.Seat{Key: keyBytes(9999 - k), Power: 10})
	}
	return set
}

func address(n int) (a tx.Address) {
	binary.BigEndian.PutUint64(a[:], uint64(n)+1)
	return a
}

// enrol makes an operator with a stake, in tokens, and as much again to bond.
func (w *world) enrol(n int, stake uint64) {
	state.Accounts.Set(w.c.Overlay, address(n), &state.Account{Balance: tokens(1_000_000)})
	state.Operators.Set(w.c.Overlay, address(n), &state.Operator{Stake: tokens(stake)})
}

// words are seats as CometBFT takes them: through the ABCI type.
func (w *world) words(seats []state.Seat) []*cmttypes.Validator {
	w.Helper()
	var updates []abcitypes.ValidatorUpdate
	for _, s := range seats {
		updates = append(updates, abcitypes.Ed25519ValidatorUpdate(s.Key, int64(s.Power)))
	}
	changes, err := cmttypes.PB2TM.ValidatorUpdates(updates)
	if err != nil {
		w.Fatal(err)
	}
	return changes
}

// act applies a rule as a tx of an operator would be: on an overlay of its own, which a refusal drops.
func (w *world) act(n int, rule func(*state.Context) error) error {
	outer := w.c.Overlay
	c := *w.c
	c.Overlay = outer.Child()
	who := address(n)
	c.Tx = &tx.Transaction{Body: &tx.Body{Signer: who[:]}}
	err := rule(&c)
	if err == nil {
		c.Overlay.Keep()
	}
	return err
}

// register has operator n register the consensus key of number k.
func (w *world) register(n, k int) error {
	raw := key(k)
	return w.act(n, func(c *state.Context) error {
		return RegisterValidator(c, &tx.RegisterValidator{ConsensusKey: &tx.Signature{
			PublicKey: &tx.PublicKey{Type: tx.KeyType_KEY_TYPE_ED25519, Key: raw[:]},
		}})
	})
}

func (w *world) unjail(n int) error {
	return w.act(n, func(c *state.Context) error { return Unjail(c, &tx.Unjail{}) })
}

func (w *world) bond(n int, amount uint64) error {
	return w.act(n, func(c *state.Context) error { return Bond(c, &tx.Bond{Amount: tokens(amount)}) })
}

func (w *world) unbond(n int, amount uint64) error {
	return w.act(n, func(c *state.Context) error { return Unbond(c, &tx.Unbond{Amount: tokens(amount)}) })
}

// block runs the next block: half a second of C later, with txs, or an epoch's end.
func (w *world) block(txs func(), epoch bool, found ...state.Misbehavior) {
	w.Helper()
	c := w.c
	c.Height++
	c.ChainTimeMs += 500
	c.Misbehavior, c.Votes, c.Updates, c.Left = found, nil, nil, nil
	if c.Height > 1 {
		for _, v := range w.last.Validators {
			c.Votes = append(c.Votes, state.Ballot{
				Validator: tx.AddressFrom(v.Address), Signed: !w.silent[Key(v.PubKey.Bytes())],
			})
		}
	}
	before := state.ValidatorTable.Load(c.Overlay, state.One{}).Seats
	PunishMisbehavior(c)
	TrackUptime(c)
	if txs != nil {
		txs()
	}
	if epoch {
		elect(c)
		resetUptime(c)
	}
	PlanValidators(c)
	w.events = c.TakeEvents()
	w.take(before)
	if keys := c.Tampered(); len(keys) > 0 {
		w.Fatalf("height %d: rows were changed in place: %x", c.Height, keys)
	}
}

// take has CometBFT take the block's updates, and holds invariant 24.
func (w *world) take(before []state.Seat) {
	w.Helper()
	next := w.next.Copy()
	if updates := w.words(w.c.Updates); len(updates) > 0 {
		if err := next.UpdateWithChangeSet(updates); err != nil {
			w.Fatalf("height %d: CometBFT refuses %v: %v", w.c.Height, updates, err)
		}
	}
	next.IncrementProposerPriority(1)
	if err := next.ValidateBasic(); err != nil {
		w.Fatal(err)
	}
	w.last, w.now, w.next = w.now, w.next, next
	w.mirrors()
	expelled := 0
	for _, seat := range before {
		row := state.Validators.Load(w.c.Overlay, state.ConsensusKey(seat.Key))
		if _, stays := findSeat(w.seats(), seat.Key); row.Tombstoned && !stays {
			expelled++
		}
	}
	least := min(int(w.c.Params.Economics.ValidatorsMin), len(before)) - expelled
	if len(w.seats()) < max(1, least) {
		w.Fatalf("height %d: from %d validators to %d, %d of them tombstoned", w.c.Height, len(before),
			len(w.seats()), expelled)
	}
	if expelled == 0 {
		n := &network{TB: w.TB, p: setParams(&w.c.Params.Economics), set: validatorsOf(before)}
		n.overlaps(validatorsOf(w.seats()))
	}
}

// mirrors compares the chain's set with CometBFT's.
func (w *world) mirrors() {
	w.Helper()
	seats := w.seats()
	if w.next.Size() != len(seats) {
		w.Fatalf("height %d: CometBFT has %d validators, the chain %d", w.c.Height, w.next.Size(), len(seats))
	}
	for _, v := range w.next.Validators {
		i, found := findSeat(seats, v.PubKey.Bytes())
		if !found || seats[i].Power != uint64(v.VotingPower) {
			w.Fatalf("height %d: %X has power %d in CometBFT, the chain has %v", w.c.Height, v.PubKey.Bytes(),
				v.VotingPower, seats)
		}
	}
}

func (w *world) seats() []state.Seat {
	return state.ValidatorTable.Load(w.c.Overlay, state.One{}).Seats
}

// power is what a key has in the set as CometBFT was last told.
func (w *world) power(k int) uint64 {
	raw := key(k)
	if i, found := findSeat(w.seats(), raw[:]); found {
		return w.seats()[i].Power
	}
	return 0
}

func (w *world) validator(k int) *state.Validator {
	return state.Validators.Load(w.c.Overlay, state.ConsensusKey(key(k)))
}

// blocks runs so many without anything.
func (w *world) blocks(n int) {
	w.Helper()
	for range n {
		w.block(nil, false)
	}
}

// changes are what the newest block's events tell of validators.
func (w *world) changes() (list []string) {
	for _, e := range w.events {
		if e.Type == state.EventValidator && e.Attributes[0].Value != "set" {
			list = append(list, e.Attributes[0].Value)
		}
	}
	return list
}

func (w *world) changed(change string) bool { return slices.Contains(w.changes(), change) }

// doubleSign is CometBFT's evidence against the key of number k.
func doubleSign(k int, height, power uint64) state.Misbehavior {
	raw := ed25519.PubKey(slices.Clone(keyBytes(k)))
	return state.Misbehavior{
		Infraction: tx.Infraction_INFRACTION_DOUBLE_SIGN, Validator: tx.AddressFrom(raw.Address()),
		Height: height, Power: power,
	}
}

func keyBytes(n int) []byte {
	k := key(n)
	return k[:]
}

// keyOfText reads a key of an event.
func keyOfText(text string) (k Key) {
	if raw, err := hex.DecodeString(text); err == nil {
		copy(k[:], raw)
	}
	return k
}
