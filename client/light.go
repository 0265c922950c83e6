package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	dbm "github.com/cometbft/cometbft-db"
	cmtlog "github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/light"
	"github.com/cometbft/cometbft/light/provider"
	lighthttp "github.com/cometbft/cometbft/light/provider/http"
	lightdb "github.com/cometbft/cometbft/light/store/db"
	cmttypes "github.com/cometbft/cometbft/types"
)

// LightTrust is where a light client starts: a header that the user knows to be the chain's.
type LightTrust struct {
	Height int64
	Hash   []byte
	Period time.Duration // how long that trust lasts; 0 = trustPeriod
}

// trustPeriod is below the time for which validators can be held to account.
const trustPeriod = 5 * 24 * time.Hour

// genesisTrustPeriod is for trust that starts at genesis: its validators are those of every block in this
// version, so age makes header 1 no less theirs. Once validators change, trust needs a younger header.
const genesisTrustPeriod = 10 * 365 * 24 * time.Hour

// Light follows the chain's headers from a trusted one over a primary and witnesses, by CometBFT's light
// client: skipping verification, and an error if a witness has another header.
type Light struct {
	*Client
	light *light.Client
}

// guarded is CometBFT's provider, which panics on a commit without a header.
type guarded struct{ provider.Provider }

func providerOf(chainID, address string) (provider.Provider, error) {
	p, err := lighthttp.New(chainID, address)
	if err != nil {
		return nil, fmt.Errorf("node %q: %w", address, err)
	}
	return guarded{p}, nil
}

// LightBlock fetches a light block; one that breaks the code that reads it is a bad one.
func (g guarded) LightBlock(ctx context.Context, height int64) (block *cmttypes.LightBlock, err error) {
	defer func() {
		if r := recover(); r != nil {
			block, err = nil, provider.ErrBadLightBlock{Reason: fmt.Errorf("%v", r)}
		}
	}()
	return g.Provider.LightBlock(ctx, height)
}

// ErrConflict: two nodes showed different headers of one height. Somebody attacks, or a fork happened.
var ErrConflict = errors.New("nodes show conflicting headers")

// NewLight makes a light client: addresses are the primary and at least one witness.
func NewLight(ctx context.Context, addresses []string, chainID string, trust LightTrust) (*Light, error) {
	if len(addresses) < 2 {
		return nil, fmt.Errorf("a light client needs a primary and at least one witness, got %d nodes",
			len(addresses))
	}
	client, err := New(addresses, chainID)
	if err != nil {
		return nil, err
	}
	if trust.Period == 0 {
		trust.Period = trustPeriod
	}
	var providers []provider.Provider
	for _, address := range addresses {
		p, err := providerOf(chainID, address)
		if err != nil {
			return nil, err
		}
		providers = append(providers, p)
	}
	options := light.TrustOptions{Period: trust.Period, Height: trust.Height, Hash: trust.Hash}
	store := lightdb.New(dbm.NewMemDB(), chainID)
	l, err := light.NewClient(ctx, chainID, options, providers[0], providers[1:], store,
		light.Logger(cmtlog.NewNopLogger()))
	if err != nil {
		return nil, lightError(err)
	}
	return &Light{client, l}, nil
}

func lightError(err error) error {
	var conflict light.ErrConflictingHeaders // about the very first header
	if errors.As(err, &conflict) || errors.Is(err, light.ErrLightClientAttack) ||
		errors.Is(err, light.ErrFailedHeaderCrossReferencing) {
		return fmt.Errorf("%w: %w", ErrConflict, err)
	}
	if errors.Is(err, provider.ErrNoResponse) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return badProof("%w", err)
}

// Trusted is a verified header of a height, waiting for a header that does not exist yet.
func (l *Light) Trusted(ctx context.Context, height int64) (*cmttypes.LightBlock, error) {
	for {
		block, err := l.light.VerifyLightBlockAtHeight(ctx, height, time.Now())
		if err == nil {
			return block, nil
		}
		if !errors.Is(err, provider.ErrHeightTooHigh) && !errors.Is(err, provider.ErrLightBlockNotFound) {
			return nil, lightError(err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: header %d", ErrUnreachable, height)
		case <-time.After(100 * time.Millisecond):
		}
	}
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
	chainID, err := l.ChainID(ctx)
	if err != nil {
		return nil, err
	}
	return Verify(raw, Trust{ChainID: chainID, HeaderHash: trusted.Hash()})
}

// TrustGenesis makes a light client's trust from the genesis file: header 1, signed by genesis' validators.
func TrustGenesis(ctx context.Context, addresses []string, doc *cmttypes.GenesisDoc) (LightTrust, error) {
	var failed []error
	pinned, err := ValidatorsHash(doc)
	if err != nil {
		return LightTrust{}, err
	}
	for _, address := range addresses {
		p, err := providerOf(doc.ChainID, address)
		if err != nil {
			return LightTrust{}, err
		}
		block, err := p.LightBlock(ctx, 1)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		if string(block.ValidatorsHash) != string(pinned) {
			return LightTrust{}, badProof("header 1 at %s has other validators than genesis", address)
		}
		if _, _, err := verifyCommit(doc.ChainID, block.Commit, block.ValidatorSet); err != nil {
			return LightTrust{}, err
		}
		return LightTrust{Height: 1, Hash: block.Hash(), Period: genesisTrustPeriod}, nil
	}
	return LightTrust{}, errors.Join(append([]error{ErrUnreachable}, failed...)...)
}
