package state

import (
	"encoding/binary"
	"strings"
	"testing"

	"mprd/tx"
)

func TestTheDefaultParametersAreValid(t *testing.T) {
	if err := DefaultParams().Validate(); err != nil {
		t.Fatal(err)
	}
}

// TestEveryParameterHasItsRange spoils one parameter at a time and expects its name.
func TestEveryParameterHasItsRange(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(p *Params)
	}{
		{"gap_ms", func(p *Params) { p.GapMs = 9 }},
		{"gap_ms", func(p *Params) { p.GapMs = 60_001 }},
		{"token_life_ms_max", func(p *Params) { p.TokenLifeMsMax = 999 }},
		{"token_life_ms_max", func(p *Params) { p.TokenLifeMsMax = 3_600_001 }},
		{"skew_ms_max", func(p *Params) { p.SkewMsMax = 60_001 }},
		{"wait_ms_max", func(p *Params) { p.WaitMsMax = 30*24*3_600_000 + 1 }},
		{"block_bytes_max", func(p *Params) { p.BlockBytesMax = tx.LargeTxBytesMax - 1 }},
		{"block_bytes_max", func(p *Params) { p.BlockBytesMax = blockBytesLimit + 1 }},
		{"block_gas_max", func(p *Params) { p.BlockGasMax = tx.GasLimitMax - 1 }},
		{"block_gas_max", func(p *Params) { p.BlockGasMax = 1<<50 + 1 }},
		{"resources_max", func(p *Params) { p.ResourcesMax = 0 }},
		{"resources_max", func(p *Params) { p.ResourcesMax = tx.ResourcesHardMax + 1 }},
		{"window_resources_max", func(p *Params) { p.WindowResourcesMax = p.ResourcesMax - 1 }},
		{"window_resources_max", func(p *Params) { p.WindowResourcesMax = tx.ResourcesHardMax + 1 }},
		{"window_ms", func(p *Params) { p.WindowMs = 0 }},
		{"pending_per_requester_max", func(p *Params) { p.PendingPerRequesterMax = 0 }},
		{"pending_per_requester_max", func(p *Params) { p.PendingPerRequesterMax = p.PendingMax + 1 }},
		{"pending_max", func(p *Params) { p.PendingMax = 1<<20 + 1 }},
		{"base_fee", func(p *Params) { p.BaseFee = 0 }},
		{"base_fee", func(p *Params) { p.BaseFee = tx.SupplyMax + 1 }},
		{"gas_per_unit", func(p *Params) { p.GasPerUnit = 0 }},
		{"operators_max", func(p *Params) { p.OperatorsMax = 0 }},
		{"prune_per_block_max", func(p *Params) { p.PrunePerBlockMax = 7 }},
		{"prune_per_block_max", func(p *Params) { p.PrunePerBlockMax = 4097 }},
		{"prune_per_block_max", func(p *Params) { p.PrunePerBlockMax, p.TokenLifeMsMax = 61, 3_600_000 }},
		{"attempts_max", func(p *Params) { p.AttemptsMax = 0 }},
		{"attempts_min", func(p *Params) { p.AttemptsMin = p.AttemptsMax + 1 }},
		{"blocks_min", func(p *Params) { p.BlocksMin = 0 }},
		{"deadline_ms_max", func(p *Params) { p.DeadlineMsMax = 30_001 }},
		{"in_flight_per_requester_max", func(p *Params) { p.InFlightPerRequesterMax = p.InFlightMax + 1 }},
		{"in_flight_max", func(p *Params) { p.InFlightMax = 1<<16 + 1 }},
		{"min_k", func(p *Params) { p.MinK = p.MinK[1:] }},
		{"min_k", func(p *Params) { p.MinK = append(p.MinK, 1) }},
		{"attempt_ms", func(p *Params) { p.AttemptMs = 5*p.GapMs - 1 }},
		{"above deadline_ms_max", func(p *Params) { p.AttemptMs = 3001 }},
		{"heartbeat_ms is 600000, above epoch_ms 599999", func(p *Params) { p.EpochMs = 599_999 }},
	} {
		p := DefaultParams()
		c.spoil(p)
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), c.name) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestTheNoncesOfTheLargestBlockCanBeStaged fills a block of the largest size with the smallest tx there is,
// all of them expiring in one bucket.
func TestTheNoncesOfTheLargestBlockCanBeStaged(t *testing.T) {
	key, err := tx.KeyFromSeed(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	signer := key.Address()
	body := &tx.Body{
		ChainId: "c", Signer: signer[:], GasLimit: 1, MaxFee: 1,
		Token:   &tx.Token{Nonce: make([]byte, tx.NonceBytes), IssuedAtMs: 1, ExpiresAtMs: 2},
		Message: &tx.Body_RegisterOperator{RegisterOperator: &tx.RegisterOperator{}},
	}
	if _, err := body.Seal(); err != nil {
		t.Fatal(err)
	}
	raw, err := tx.Sign(body, key)
	if err != nil {
		t.Fatal(err)
	}
	store, err := OpenStore("", StoreOptions{InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	view := store.View()
	defer view.Close()
	nonces, err := LoadNonces(view)
	if err != nil {
		t.Fatal(err)
	}
	o := NewOverlay(view, nonces)
	for i := range uint64(blockBytesLimit / len(raw)) {
		o.ConsumeNonce(NonceDigest(signer, binary.BigEndian.AppendUint64(nil, i)), 1)
	}
	if _, err := store.Stage(o.Writes(1)); err != nil {
		t.Errorf("%d txs of %d bytes: %v", blockBytesLimit/len(raw), len(raw), err)
	}
}

// TestOnePassNamesEveryFault: who mends a genesis sees all that is wrong at once.
func TestOnePassNamesEveryFault(t *testing.T) {
	err := (&Params{}).Validate()
	for _, name := range []string{"gap_ms", "token_life_ms_max", "block_bytes_max", "base_fee", "min_k"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
}

func TestEveryOpHasItsFloor(t *testing.T) {
	p := DefaultParams()
	p.MinK = []uint32{11, 12, 13, 14, 15}
	for op := range tx.OpType_name {
		want := uint32(0)
		if op != 0 {
			want = uint32(10 + op)
		}
		if got := p.MinApprovals(tx.OpType(op)); got != want {
			t.Errorf("op %d: %d approvals, want %d", op, got, want)
		}
	}
	if p.MinApprovals(99) != 0 || p.MinApprovals(-1) != 0 {
		t.Error("an op that is none has a floor")
	}
}
