package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mprd/audit"
	"mprd/tx"
)

// Checkpoint is the last head that a monitor has verified: all that it has to remember.
type Checkpoint struct {
	Version    int    `json:"version"`
	ChainID    string `json:"chain_id"`
	Height     uint64 `json:"height"`      // H: of the state that has the head
	Size       uint64 `json:"size"`        // records
	Root       string `json:"root"`        // hex
	HeaderHash string `json:"header_hash"` // of header H+1, hex
}

// checkpointVersion is the version of the file.
const checkpointVersion = 1

// checkpointBytesMax bounds the file.
const checkpointBytesMax = 4096

// ErrCheckpoint: the monitor's file is not what a monitor wrote.
var ErrCheckpoint = errors.New("the monitor's file is damaged")

// ReadCheckpoint reads a monitor's file; nil if there is none yet.
func ReadCheckpoint(path string) (*Checkpoint, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c := &Checkpoint{}
	if len(raw) > checkpointBytesMax {
		return nil, fmt.Errorf("%w: %s: %d bytes, limit %d", ErrCheckpoint, path, len(raw), checkpointBytesMax)
	}
	if err := json.Unmarshal(raw, c); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCheckpoint, path, err)
	}
	if _, err := c.proven(); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCheckpoint, path, err)
	}
	return c, nil
}

// Save writes the file; a crash leaves the old one or the new one.
func (c *Checkpoint) Save(path string) error {
	raw, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return ReplaceFile(path, append(raw, '\n'), 0o600)
}

// CheckpointOf is what a monitor remembers of a head.
func CheckpointOf(p *Proven) *Checkpoint {
	return &Checkpoint{
		Version: checkpointVersion, ChainID: p.ChainID, Height: p.Height, Size: p.Head.Size,
		Root: hex.EncodeToString(p.Head.Root[:]), HeaderHash: hex.EncodeToString(p.HeaderHash),
	}
}

// proven is the head of a checkpoint, which a monitor verified before it wrote it.
func (c *Checkpoint) proven() (*Proven, error) {
	if c.Version != checkpointVersion {
		return nil, fmt.Errorf("version %d, want %d", c.Version, checkpointVersion)
	}
	root, err := hex.DecodeString(c.Root)
	if err != nil || len(root) != tx.HashBytes {
		return nil, fmt.Errorf("root %q", c.Root)
	}
	hash, err := hex.DecodeString(c.HeaderHash)
	if err != nil || len(hash) != tx.HashBytes {
		return nil, fmt.Errorf("header_hash %q", c.HeaderHash)
	}
	if c.Height < 1 || c.Height >= 1<<62 || c.Size < 1 || c.ChainID == "" {
		return nil, fmt.Errorf("height %d, size %d, chain_id %q", c.Height, c.Size, c.ChainID)
	}
	return &Proven{
		ChainID: c.ChainID, Height: c.Height, HeaderHash: hash,
		Head: &audit.Head{Size: c.Size, Root: tx.Digest(root)},
	}, nil
}

// Observation is what one look at the log came to.
type Observation struct {
	Newest *Proven    // the highest head that was proven
	Nodes  []NodeHead // in the order of the nodes
}

// NodeHead is a node's newest head. Err says why there is none: no answer, or none that can be checked.
type NodeHead struct {
	Address string
	Head    *Proven
	Err     error
}

// Monitor looks once: the newest head of every node is proven against a header that the light client trusts,
// and all of them, with the last one verified before (nil: none), are heads of one log that only grew. If
// they are not, the error is ErrBadProof or ErrConflict: an alarm. ErrUnreachable if no head could be had, or
// only such as are older than the last one; that one node of several does not answer is no error.
func (l *Light) Monitor(ctx context.Context, last *Checkpoint) (*Observation, error) {
	seen := &Observation{}
	var heads []namedHead
	for _, address := range l.addresses() {
		node := NodeHead{Address: address}
		node.Head, node.Err = l.headAt(ctx, address)
		if alarming(node.Err) {
			return nil, fmt.Errorf("node %s: %w", address, node.Err)
		}
		seen.Nodes = append(seen.Nodes, node)
		if node.Head != nil {
			heads = append(heads, namedHead{"the log of " + address, node.Head})
		}
	}
	if len(heads) == 0 {
		return nil, seen.nothing()
	}
	var before *Proven
	if last != nil {
		var err error
		if before, err = l.stillTrusted(ctx, last); err != nil {
			return nil, err
		}
		heads = append([]namedHead{{"the log as it was last verified", before}}, heads...)
	}
	slices.SortStableFunc(heads, func(a, b namedHead) int { return cmp.Compare(a.Height, b.Height) })
	if seen.Newest = heads[len(heads)-1].Proven; seen.Newest == before { // no node can prove anything about it
		return nil, fmt.Errorf("%w for height %d, which was verified before: all are behind", ErrUnreachable,
			before.Height)
	}
	return seen, l.oneLog(ctx, heads)
}

type namedHead struct {
	name string
	*Proven
}

// alarming tells an error that is about what was said from one about who did not say anything.
func alarming(err error) bool { return errors.Is(err, ErrBadProof) || errors.Is(err, ErrConflict) }

// headAt is a node's newest head.
func (l *Light) headAt(ctx context.Context, address string) (*Proven, error) {
	node, err := New([]string{address}, l.chainID)
	if err != nil {
		return nil, err
	}
	raw, err := node.ProveHead(ctx, 0)
	if err != nil {
		return nil, err
	}
	return l.Check(ctx, raw)
}

// stillTrusted holds that the header of a checkpoint is the one that the light client trusts.
func (l *Light) stillTrusted(ctx context.Context, last *Checkpoint) (*Proven, error) {
	before, err := last.proven()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	if before.ChainID != l.chainID {
		return nil, fmt.Errorf("%w: it is of chain %q, not of %q", ErrCheckpoint, before.ChainID, l.chainID)
	}
	height, err := l.light.LastTrustedHeight()
	if err != nil {
		return nil, err
	}
	if int64(before.Height)+1 > height { // nobody has it: Monitor will say so
		return before, nil
	}
	header, err := l.Trusted(ctx, int64(before.Height)+1)
	switch {
	case errors.Is(err, ErrNotFound): // so long ago that no node has it; the log says enough
		return before, nil
	case err != nil:
		return nil, err
	case !bytes.Equal(header.Hash(), before.HeaderHash):
		return nil, fmt.Errorf("%w: header %d is %X, and %X was verified before", ErrConflict, header.Height,
			[]byte(header.Hash()), before.HeaderHash)
	}
	return before, nil
}

// oneLog holds that each head extends the one before it. Any node may give the proof: it proves itself.
func (l *Light) oneLog(ctx context.Context, heads []namedHead) error {
	for i := 1; i < len(heads); i++ {
		earlier, later := heads[i-1], heads[i]
		var failed []error
		for _, address := range l.addresses() {
			node, err := New([]string{address}, l.chainID)
			if err == nil {
				err = node.Extends(ctx, earlier.Proven, later.Proven)
			}
			if err == nil {
				failed = nil
				break
			}
			failed = append(failed, fmt.Errorf("by %s: %w", address, err))
		}
		if failed == nil {
			continue
		}
		err := errors.Join(failed...)
		if refused := new(Refusal); !alarming(err) && !errors.As(err, &refused) {
			return err
		}
		return badProof("%s (height %d, %d records) does not extend %s (height %d, %d records): %w", later.name,
			later.Height, later.Head.Size, earlier.name, earlier.Height, earlier.Head.Size, err)
	}
	return nil
}

// nothing says why there is no head at all.
func (o *Observation) nothing() error {
	var list []string
	kind := ErrUnreachable
	for _, n := range o.Nodes {
		list = append(list, fmt.Sprintf("%s: %v", n.Address, n.Err))
		for _, other := range []error{ErrWitnesses, ErrTrustExpired, ErrLightStore} {
			if errors.Is(n.Err, other) {
				kind = other
			}
		}
	}
	return fmt.Errorf("%w: %s", kind, strings.Join(list, "; "))
}
