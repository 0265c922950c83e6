package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	cmtlog "github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/light"
	"github.com/cometbft/cometbft/light/provider"
	cmttypes "github.com/cometbft/cometbft/types"
	ldberrors "github.com/syndtr/goleveldb/leveldb/errors"
)

// LightTrust is where a light client starts: a header that the user knows to be the chain's, or the genesis
// document. The zero value trusts nothing by itself: it goes on from headers that were trusted before.
type LightTrust struct {
	Height  int64
	Hash    []byte
	Genesis *cmttypes.GenesisDoc // instead of Height and Hash: header 1, signed by these validators
	Period  time.Duration        // how long that trust lasts; 0 = five days
}

func (t *LightTrust) none() bool { return len(t.Hash) == 0 && t.Genesis == nil }

// trustPeriod is below the time for which validators can be held to account: who has taken his stake back may
// sign another history for nothing. Genesis' validators are no exception, so a chain that is older is begun
// with a younger header.
const trustPeriod = 5 * 24 * time.Hour

// backwardsMax bounds how many headers are followed backwards, one by one, from the oldest that is kept.
const backwardsMax = 10_000

// Light follows the chain's headers from a trusted one over a primary and witnesses, by CometBFT's light
// client: skipping verification, and an error if a witness has another header. One goroutine uses it.
type Light struct {
	*Client
	light  *light.Client
	of     *sources
	store  *lightStore
	sights sights
}

var (
	// ErrConflict: two nodes showed different headers of one height. Somebody attacks, or a fork happened.
	ErrConflict = errors.New("nodes show conflicting headers")
	// ErrWitnesses: a node showed a header, and no second node could be asked for the same one.
	ErrWitnesses = errors.New("no second node confirms the header")
)

// NewLight makes a light client that remembers nothing: addresses are the primary and at least one witness.
func NewLight(ctx context.Context, addresses []string, chainID string, trust LightTrust) (*Light, error) {
	return OpenLight(ctx, addresses, chainID, trust, "")
}

// OpenLight makes a light client that keeps the newest thousand of its trusted headers in a folder of its
// own, and goes on from there when it is opened again, by one process at a time. Trust may then be left out;
// if it is given and is not what the folder started from, the folder's headers must lead to it, or have
// expired and be older. ErrNoTrust, ErrTrustExpired, ErrLightStore and ErrConflict say what is to be done.
func OpenLight(ctx context.Context, addresses []string, chainID string, trust LightTrust,
	dir string) (*Light, error) {
	return openLight(ctx, addresses, chainID, trust, dir, headersKept)
}

func openLight(ctx context.Context, addresses []string, chainID string, trust LightTrust, dir string,
	kept uint16) (*Light, error) {
	if len(addresses) < 2 {
		return nil, fmt.Errorf("%w: a light client needs a primary and at least one witness, got %d nodes",
			ErrWitnesses, len(addresses))
	}
	client, err := New(addresses, chainID)
	if err != nil {
		return nil, err
	}
	providers, all, err := sourcesOf(chainID, addresses)
	if err != nil {
		return nil, err
	}
	store, err := openLightStore(ctx, dir)
	if err != nil {
		return nil, err
	}
	l := &Light{Client: client, of: all, store: store}
	if err := l.begin(ctx, trust, providers, kept); err != nil {
		return nil, errors.Join(err, store.close())
	}
	return l, nil
}

// Close releases the folder.
func (l *Light) Close() error { return l.store.close() }

// begin goes on from the store, or starts it.
func (l *Light) begin(ctx context.Context, trust LightTrust, providers []provider.Provider,
	kept uint16) error {
	last, err := l.store.newest(l.chainID)
	if err != nil {
		return err
	}
	options := []light.Option{light.Logger(cmtlog.NewNopLogger()), light.PruningSize(kept)}
	if last == nil {
		return l.start(ctx, trust, providers, options)
	}
	root, err := l.store.root()
	if err != nil {
		return err
	}
	known := trust.none() || root.startedFrom(trust)
	if err := expired(last, root.period, time.Now()); err != nil {
		if known || trust.Height <= last.Height {
			return err
		}
		if err := l.store.clear(ctx); err != nil { // what the user trusts is younger
			return err
		}
		return l.start(ctx, trust, providers, options)
	}
	l.light, err = light.NewClientFromTrustedStore(l.chainID, root.period, providers[0], providers[1:],
		l.store.blocks, options...)
	if err != nil {
		return l.failed(err)
	}
	if known {
		return nil
	}
	return l.agree(ctx, trust, root)
}

// startedFrom tells whether a store's root is what the user trusts.
func (r *trustRoot) startedFrom(trust LightTrust) bool {
	if trust.Genesis == nil {
		return r.height == trust.Height && bytes.Equal(r.hash, trust.Hash)
	}
	validators, err := ValidatorsHash(trust.Genesis)
	return err == nil && r.height == 1 && bytes.Equal(r.validators, validators)
}

// start begins at what the user trusts.
func (l *Light) start(ctx context.Context, trust LightTrust, providers []provider.Provider,
	options []light.Option) error {
	if trust.none() {
		return fmt.Errorf("%w: name a header's height and hash, or a genesis file", ErrNoTrust)
	}
	trust, err := l.resolve(ctx, trust)
	if err != nil {
		return err
	}
	given := light.TrustOptions{Period: trust.Period, Height: trust.Height, Hash: trust.Hash}
	if err := given.ValidateBasic(); err != nil {
		return fmt.Errorf("trusted header: %w", err)
	}
	root := trustRoot{trust.Height, trust.Period, trust.Hash, make([]byte, len(trust.Hash))}
	if err := l.store.setRoot(root); err != nil { // first: it is the root of nothing while there is no header
		return err
	}
	l.light, err = light.NewClient(ctx, l.chainID, given, providers[0], providers[1:], l.store.blocks,
		options...)
	if err != nil {
		return l.failed(err)
	}
	newest, err := l.store.newest(l.chainID)
	if err != nil {
		return err
	}
	if err := expired(newest, trust.Period, time.Now()); err != nil {
		return err
	}
	root.validators = newest.ValidatorsHash
	return l.store.setRoot(root)
}

// resolve finds header 1 for who trusts genesis, and fills in the period.
func (l *Light) resolve(ctx context.Context, trust LightTrust) (LightTrust, error) {
	if trust.Genesis != nil {
		first, err := TrustGenesis(ctx, l.addresses(), trust.Genesis)
		if err != nil {
			return trust, err
		}
		trust.Height, trust.Hash = first.Height, first.Hash
		if trust.Period == 0 {
			trust.Period = first.Period
		}
	}
	if trust.Period == 0 {
		trust.Period = trustPeriod
	}
	return trust, nil
}

// agree holds that the store's headers lead to what the user trusts besides.
func (l *Light) agree(ctx context.Context, trust LightTrust, root trustRoot) error {
	trust, err := l.resolve(ctx, trust)
	if err != nil {
		return err
	}
	block, err := l.Trusted(ctx, trust.Height)
	if err != nil {
		return fmt.Errorf("the headers in %s, which start at %d, do not reach the trusted one at %d: %w",
			l.store.dir, root.height, trust.Height, err)
	}
	if !bytes.Equal(block.Hash(), trust.Hash) {
		return fmt.Errorf("%w: header %d is %X by the headers in %s, and %X by what you trust", ErrConflict,
			trust.Height, []byte(block.Hash()), l.store.dir, trust.Hash)
	}
	return nil
}

// failed says of the light client's error what an operator has to do about it.
func (l *Light) failed(err error) error {
	var conflict light.ErrConflictingHeaders // about the very first header
	var old light.ErrOldHeaderExpired
	switch {
	case errors.As(err, &conflict), errors.Is(err, light.ErrLightClientAttack):
		return fmt.Errorf("%w: act on nothing that this chain says before you know why: %w", ErrConflict, err)
	case errors.As(err, &old):
		return fmt.Errorf("%w: %w", ErrTrustExpired, err)
	case errors.Is(err, light.ErrFailedHeaderCrossReferencing), errors.Is(err, light.ErrNoWitnesses):
		return l.of.why(fmt.Errorf("%w: start the nodes, or name others", ErrWitnesses))
	case errors.Is(err, provider.ErrNoResponse), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, context.Canceled):
		return l.of.why(fmt.Errorf("%w: %w", ErrUnreachable, err))
	case errors.Is(err, ErrLightStore):
		return err
	case ldberrors.IsCorrupted(err):
		return unusable(l.store.dir, err)
	}
	return l.of.why(badProof("%w", err))
}

// Trusted is a verified header of a height, waiting for one that does not exist yet: until ctx ends, or for
// two minutes if it has no deadline.
func (l *Light) Trusted(ctx context.Context, height int64) (*cmttypes.LightBlock, error) {
	ctx, cancel := bounded(ctx, waitTime)
	defer cancel()
	for {
		block, err := l.verify(ctx, height)
		switch {
		case err == nil:
			return block, nil
		case errors.Is(err, provider.ErrLightBlockNotFound):
			return nil, fmt.Errorf("%w: no node has header %d any more", ErrNotFound, height)
		case errors.Is(err, ErrWitnesses), errors.Is(err, ErrNotFound):
			return nil, err
		case !errors.Is(err, provider.ErrHeightTooHigh):
			return nil, l.failed(err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: header %d does not come", ErrUnreachable, height)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// verify takes a header from the store, or verifies and stores it.
func (l *Light) verify(ctx context.Context, height int64) (block *cmttypes.LightBlock, err error) {
	defer l.store.survive(&err)
	if height < 1 {
		return nil, badProof("there is no header %d", height)
	}
	if stored, err := l.light.TrustedLightBlock(height); err == nil {
		return stored, nil
	}
	first, err := l.light.FirstTrustedHeight()
	if err != nil {
		return nil, err
	}
	if height < first-backwardsMax {
		return nil, fmt.Errorf("%w: header %d, the oldest trusted one is %d; at most %d before it are followed",
			ErrNotFound, height, first, backwardsMax)
	}
	if !l.witnessed() {
		return nil, l.of.why(fmt.Errorf("%w: the others were dropped for what they said", ErrWitnesses))
	}
	return l.light.VerifyLightBlockAtHeight(ctx, height, time.Now())
}

// witnessed holds that a witness other than the primary is left. CometBFT's light client, when it has made
// the last witness its primary, keeps it as its own witness.
func (l *Light) witnessed() bool {
	primary := l.light.Primary()
	for _, witness := range l.light.Witnesses() {
		if witness != primary {
			return true
		}
	}
	return false
}

// Check verifies a proof file against the header that the light client trusts.
func (l *Light) Check(ctx context.Context, raw []byte) (*Proven, error) {
	file, err := decodeFile(raw)
	if err != nil {
		return nil, err
	}
	header, _, err := file.decodeBlock()
	if err != nil {
		return nil, err
	}
	trusted, err := l.Trusted(ctx, header.Height)
	if err != nil {
		return nil, err
	}
	return Verify(raw, Trust{ChainID: l.chainID, HeaderHash: trusted.Hash()})
}

// TrustGenesis makes a light client's trust from the genesis file: header 1, signed by genesis' validators.
func TrustGenesis(ctx context.Context, addresses []string, doc *cmttypes.GenesisDoc) (LightTrust, error) {
	pinned, err := ValidatorsHash(doc)
	if err != nil {
		return LightTrust{}, err
	}
	providers, all, err := sourcesOf(doc.ChainID, addresses)
	if err != nil {
		return LightTrust{}, err
	}
	var lies []error
	for i, p := range providers {
		block, err := p.LightBlock(ctx, 1)
		if err != nil {
			continue
		}
		if !bytes.Equal(block.ValidatorsHash, pinned) {
			lies = append(lies, badProof("header 1 at %s has other validators than genesis", addresses[i]))
			continue
		}
		if _, _, err := verifyCommit(doc.ChainID, block.Commit, block.ValidatorSet); err != nil {
			lies = append(lies, fmt.Errorf("header 1 at %s: %w", addresses[i], err))
			continue
		}
		return LightTrust{Height: 1, Hash: block.Hash(), Period: trustPeriod}, nil
	}
	if len(lies) > 0 {
		return LightTrust{}, errors.Join(lies...)
	}
	return LightTrust{}, all.why(fmt.Errorf("%w, none has header 1; if it is too old, trust a younger header",
		ErrUnreachable))
}
