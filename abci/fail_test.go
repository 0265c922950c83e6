package abci

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	abcitypes "github.com/cometbft/cometbft/abci/types"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// brokenChain is an application whose state cannot be read, nothing of the tree being in memory.
func brokenChain(t *testing.T) *driven {
	t.Helper()
	d := drive(t)
	d = d.reopen()
	if err := d.store.Close(); err != nil {
		t.Fatal(err)
	}
	return d
}

// ended holds that the node was told to stop, and by which call.
func (d *driven) ended(call string) {
	d.t.Helper()
	select {
	case <-d.Failed():
		if err := d.Failure(); !strings.HasPrefix(err.Error(), call+": ") {
			d.t.Errorf("%s: ended by %v", call, err)
		}
	default:
		d.t.Errorf("%s: the node looks alive", call)
	}
}

// TestABrokenStoreEndsTheNodeAtItsOpenDoors: consensus might meet what is broken much later. CheckTx answers,
// since CometBFT's mempool panics at an error; Query errs, since nobody's question was wrong.
func TestABrokenStoreEndsTheNodeAtItsOpenDoors(t *testing.T) {
	for _, kind := range []abcitypes.CheckTxType{fresh, recheck} {
		d := brokenChain(t)
		if code := d.check(d.pay("newcomer", "plain"), kind); code != tx.CodeInternal {
			t.Errorf("CheckTx of kind %d: %v", kind, code)
		}
		d.ended("CheckTx")
	}
	a := testchain.Address("plain")
	for path, data := range map[string][]byte{
		state.PathTable + "accounts": a[:], state.PathPage + "accounts": nil, state.PathAuditHead: nil,
		state.PathSimulate: (&driven{t: t}).pay("newcomer", "plain"),
	} {
		d := brokenChain(t)
		r, err := d.Query(background, &abcitypes.RequestQuery{Path: path, Data: data, Height: d.store.Version()})
		if err == nil || r != nil {
			t.Errorf("%s: answered %v, %v", path, r, err)
		}
		d.ended("Query")
	}
}

// TestAReaderThatComesAfterTheEndEndsNothing: the stores are closed then, not broken.
func TestAReaderThatComesAfterTheEndEndsNothing(t *testing.T) {
	d := drive(t)
	d = d.reopen()
	raw := d.pay("newcomer", "plain")
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d.check(raw, fresh)
	if _, err := d.Query(background, &abcitypes.RequestQuery{Path: state.PathAuditHead}); err == nil {
		t.Error("a closed store answers")
	}
	select {
	case <-d.Failed():
		t.Error(d.Failure())
	default:
	}
}

// TestADamagedLeafIsNoFaultOfTheAskers: an old leaf that cannot be read is neither a missing record nor a
// reason to stop deciding.
func TestADamagedLeafIsNoFaultOfTheAskers(t *testing.T) {
	d := drive(t)
	d.block(d.pay("plain", "outsider"))
	entries := filepath.Join(d.dir, AuditDir, "tile", "entries")
	if err := eachFile(entries, func(path string, _ []byte) error { return os.Truncate(path, 0) }); err != nil {
		t.Fatal(err)
	}
	for path, request := range map[string]message{
		state.PathRecord: &state.RecordRequest{}, state.PathRecords: &state.RecordsRequest{},
	} {
		r, err := d.Query(background, &abcitypes.RequestQuery{
			Path: path, Height: d.height, Data: encoded(t, request),
		})
		if err == nil || r != nil {
			t.Errorf("%s: answered %v", path, r)
		}
	}
	if code := d.check(d.pay("plain", "outsider"), fresh); code != nil {
		t.Errorf("CheckTx: %v", code)
	}
	select {
	case <-d.Failed():
		t.Error(d.Failure())
	default:
	}
}

// TestNothingPanicsBeforeTheChainHasBegun: no InitChain came yet, and no block is there.
func TestNothingPanicsBeforeTheChainHasBegun(t *testing.T) {
	for name, call := range map[string]func(d *driven) error{
		"PrepareProposal": func(d *driven) error {
			_, err := d.PrepareProposal(background, &abcitypes.RequestPrepareProposal{Height: 1, MaxTxBytes: 1000})
			return err
		},
		"ProcessProposal": func(d *driven) error {
			_, err := d.ProcessProposal(background, &abcitypes.RequestProcessProposal{Height: 1})
			return err
		},
		"FinalizeBlock": func(d *driven) error {
			_, err := d.FinalizeBlock(background, &abcitypes.RequestFinalizeBlock{Height: 1})
			return err
		},
		"Commit": func(d *driven) error {
			_, err := d.Commit(background, &abcitypes.RequestCommit{})
			return err
		},
	} {
		d := openAt(t, t.TempDir())
		if code := d.check(d.pay("plain", "outsider"), fresh); code != tx.CodeUnknownSigner {
			t.Errorf("CheckTx: %v", code)
		}
		for _, path := range []string{state.PathAuditHead, state.PathSimulate} {
			if r := d.ask(path, 0, nil); tx.CodeOf(r.Codespace, r.Code) != tx.CodeQueryHeight {
				t.Errorf("%s: %+v", path, r)
			}
		}
		if err := call(d); err == nil {
			t.Errorf("%s went on", name)
		}
		d.ended(name)
	}
}

// TestARefusalOfTheMempoolSaysWhatToDo, since who sends with curl sees the text alone.
func TestARefusalOfTheMempoolSaysWhatToDo(t *testing.T) {
	d := drive(t)
	r, err := d.CheckTx(background, &abcitypes.RequestCheckTx{Tx: d.pay("nobody", "plain")})
	if err != nil || !strings.HasSuffix(r.Log, "; what to do: "+tx.CodeUnknownSigner.Remedy) {
		t.Errorf("%v, %+v", err, r)
	}
}
