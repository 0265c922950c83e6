package abci

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"

	abcitypes "github.com/cometbft/cometbft/abci/types"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"mprd/app"
	"mprd/audit"
	"mprd/genesis"
	"mprd/state"
)

// AuditDir is the folder of the leaf store, inside the application's.
const AuditDir = "audit"

// Options are local choices of a node; they change no result.
type Options struct {
	KeepVersions int64 // versions of the state that queries can still ask about
	KeepBlocks   int64 // blocks that CometBFT keeps
	CacheSize    int   // nodes of the tree in memory; 0 = the store's default
	MempoolTxs   int   // how much CometBFT's mempool holds; 0 = as much as by default
	MempoolBytes int64
}

// Application is the chain as CometBFT drives it. InitChain, the proposals, FinalizeBlock and Commit come one
// at a time; CheckTx, Query and Info run beside them and beside each other.
type Application struct {
	abcitypes.BaseApplication // vote extensions, snapshots and the app mempool are not used

	chainID  string
	options  Options
	machine  *app.Machine
	verifier *verifier
	store    *state.Store
	audit    *audit.Store
	lookup   *lookup
	nonces   *state.Nonces
	pending  *pendingTxs
	metrics  *metrics
	log      zerolog.Logger
	failing  sync.Once
	failed   failure
	closing  atomic.Bool // the stores are being closed

	// of the consensus connection
	appHash       []byte
	staged        *state.Staged // genesis, until block 1 is committed
	leaves        [][]byte      // record 0, until then
	executions    []*execution
	finalized     *execution
	finalizedHash []byte
	finalizedTxs  [][]byte

	checking  sync.RWMutex // guards what follows: read by CheckTx and Query, written by InitChain and Commit
	committed *app.Committed
	view      *state.View
	head      audit.Head
}

// OpenApplication opens the state and the audit log in dir and cuts the log to what the state committed.
// Its metrics go into registry.
func OpenApplication(dir, chainID string, options Options, registry prometheus.Registerer,
	log zerolog.Logger) (*Application, error) {
	a := &Application{
		chainID: chainID, options: options, verifier: newVerifier(chainID),
		pending: newPendingTxs(options.MempoolTxs, options.MempoolBytes),
		metrics: newMetrics(registry), log: log, failed: failure{done: make(chan struct{})},
	}
	a.machine = app.New(chainID, a.verifier.source)
	var err error
	storeOptions := state.StoreOptions{KeepVersions: options.KeepVersions, CacheSize: options.CacheSize}
	if a.store, err = state.OpenStore(dir, storeOptions); err != nil {
		return nil, err
	}
	if a.audit, err = audit.Open(filepath.Join(dir, AuditDir)); err != nil {
		return nil, errors.Join(err, a.store.Close())
	}
	if err := a.load(dir); err != nil {
		return nil, errors.Join(err, a.audit.Close(), a.store.Close())
	}
	return a, nil
}

// load brings everything beside the state to the state's version.
func (a *Application) load(dir string) error {
	a.view = a.store.View()
	head, err := headOf(a.view)
	if err != nil {
		return err
	}
	if had := a.audit.Size(); had > head.Size {
		a.log.Info().Uint64("leaves", had).Uint64("committed", head.Size).
			Msg("audit log: cutting what no commit holds")
	}
	if err := a.audit.Cut(head.Size); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	if err := a.audit.VerifyHead(head); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	if a.nonces, err = state.LoadNonces(a.view); err != nil {
		return err
	}
	if a.lookup, err = openLookup(filepath.Join(dir, "lookup.db"), a.audit, a.log); err != nil {
		return fmt.Errorf("look-up index: %w", err)
	}
	a.head, a.appHash = head, a.store.Root()
	if a.store.Version() > 0 {
		a.committed = a.machine.At(a.view, a.nonces)
	}
	return nil
}

// Close releases the stores. The node has stopped before.
func (a *Application) Close() error {
	a.closing.Store(true)
	a.metrics.stock.end()
	a.checking.Lock()
	defer a.checking.Unlock()
	if a.view != nil {
		a.view.Close()
	}
	return errors.Join(a.lookup.close(), a.audit.Close(), a.store.Close())
}

// Info implements abcitypes.Application.
func (a *Application) Info(context.Context, *abcitypes.RequestInfo) (*abcitypes.ResponseInfo, error) {
	info := &abcitypes.ResponseInfo{
		Data: "mprd", AppVersion: genesis.AppVersion, LastBlockHeight: a.store.Version(),
	}
	if info.LastBlockHeight > 0 {
		info.LastBlockAppHash = a.store.Root()
	}
	return info, nil
}
