package client

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cometbft/cometbft/privval"

	"mprd/internal/testchain"
)

func (n *node) light(addresses ...string) (*Light, error) {
	n.t.Helper()
	trust, err := TrustGenesis(n.ctx, []string{n.address}, n.genesis)
	ok(n.t, err)
	return NewLight(n.ctx, addresses, testchain.ID, trust)
}

func TestALightClientChecksProofsFromGenesisOn(t *testing.T) {
	n := startNode(t)
	done := n.commitTx(n.signed("agent-a", testchain.Request("gw-dev", testchain.Scale(5))))
	ok(t, done.Err())
	l, err := n.light(n.address, n.address)
	ok(t, err)
	raw, err := l.ProveRecord(n.ctx, n.indexOf(done.Hash))
	ok(t, err)
	proven, err := l.Check(n.ctx, raw)
	ok(t, err)
	if proven.Record.GetDecision() == nil {
		t.Errorf("%v", proven.Explain())
	}
	for _, height := range []int64{1, 2, int64(proven.Height), int64(proven.Height) + 5} {
		block, err := l.Trusted(n.ctx, height)
		ok(t, err)
		signed, err := n.commit(n.ctx, height)
		ok(t, err)
		if block.Height != height || !bytes.Equal(block.Hash(), signed.Header.Hash()) {
			t.Errorf("header %d is %d %X, want %X", height, block.Height, block.Hash(), signed.Header.Hash())
		}
	}

	t.Run("a forged file", func(t *testing.T) {
		f := newLedger(t).file(nil)
		f.Claim = &ProofFile_Head{}
		if _, err := l.Check(n.ctx, encoded(t, f)); !errors.Is(err, ErrBadProof) {
			t.Errorf("%v", err)
		}
		for _, raw := range [][]byte{nil, {0}, raw[1:], append(bytes.Clone(raw), 0)} {
			if _, err := l.Check(n.ctx, raw); !errors.Is(err, ErrBadProof) {
				t.Errorf("%v", err)
			}
		}
	})
	t.Run("a header that does not come", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(n.ctx, 300*time.Millisecond)
		defer cancel()
		if _, err := l.Trusted(ctx, 1_000_000); !errors.Is(err, ErrUnreachable) {
			t.Errorf("%v", err)
		}
		_, err := l.Trusted(n.ctx, 3) // and the light client lives on
		ok(t, err)
	})
	t.Run("too few nodes", func(t *testing.T) {
		if _, err := n.light(n.address); err == nil {
			t.Error("no witness, and no error")
		}
	})
	t.Run("a first header that is not the chain's", func(t *testing.T) {
		trust := LightTrust{Height: 1, Hash: hashOf("other")}
		if _, err := NewLight(n.ctx, []string{n.address, n.address}, testchain.ID, trust); !errors.Is(err,
			ErrBadProof) {
			t.Errorf("%v", err)
		}
	})
}

func TestTrustInGenesisIsTrustInItsValidators(t *testing.T) {
	n := startNode(t)
	trust, err := TrustGenesis(n.ctx, []string{"http://" + testchain.FreeAddress(t), n.address}, n.genesis)
	if trust.Period != trustPeriod {
		t.Errorf("trusted for %s", trust.Period)
	}
	ok(t, err)
	first, err := n.commit(n.ctx, 1)
	ok(t, err)
	if trust.Height != 1 || !bytes.Equal(trust.Hash, first.Header.Hash()) {
		t.Errorf("%+v", trust)
	}
	other := genesisOf(t, privval.GenFilePV("", ""))
	if _, err := TrustGenesis(n.ctx, []string{n.address}, other); !errors.Is(err, ErrBadProof) {
		t.Errorf("other validators: %v", err)
	}
	if _, err := TrustGenesis(n.ctx, []string{"http://" + testchain.FreeAddress(t)}, n.genesis); !errors.Is(err,
		ErrUnreachable) {
		t.Errorf("nobody there: %v", err)
	}
	for _, l := range headerLies() {
		address, told := liar(t, n.address, l)
		if trust, err := TrustGenesis(n.ctx, []string{address}, n.genesis); err == nil {
			t.Errorf("%s: trusts %+v", l.name, trust)
		}
		if told.Load() == 0 {
			t.Errorf("%s: the lie was not told", l.name)
		}
	}
}

func TestALightClientBelievesNoLiar(t *testing.T) {
	n := startNode(t)
	n.reach(6)
	signed, err := n.commit(n.ctx, 5)
	ok(t, err)
	for _, lie := range headerLies() {
		t.Run(lie.name, func(t *testing.T) {
			address, told := liar(t, n.address, lie)
			// The liar is dropped: an honest primary and witness are left.
			l, err := n.light(address, n.address, n.address)
			if err == nil {
				block, err := l.Trusted(n.ctx, 5)
				if err == nil && !bytes.Equal(block.Hash(), signed.Header.Hash()) {
					t.Errorf("header 5 is %X, want %X", block.Hash(), signed.Header.Hash())
				}
			}
			if told.Load() == 0 {
				t.Error("the lie was not told")
			}
			liars, err := n.light(address, address)
			if err == nil {
				_, err = liars.Trusted(n.ctx, 5)
			}
			badly(t, err)
		})
	}
}

// TestAForkIsAConflict runs one validator's key twice: the first header is the same, others are not.
func TestAForkIsAConflict(t *testing.T) {
	n := startNode(t)
	fork := startAs(t, n.key, n.genesis)
	n.reach(4)
	fork.reach(4)
	l, err := n.light(n.address, fork.address)
	ok(t, err)
	if block, err := l.Trusted(n.ctx, 3); !errors.Is(err, ErrConflict) {
		t.Errorf("%v, %v", block, err)
	}
}

func TestAnotherChainsWitnessIsAConflict(t *testing.T) {
	n, other := startNode(t), startNode(t)
	if _, err := n.light(n.address, other.address); !errors.Is(err, ErrConflict) {
		t.Errorf("%v", err)
	}
}
