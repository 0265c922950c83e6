package driver

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"mprd/tx"
)

// Fence is the chain's fencing token: the target's fence counter, which rises with every assignment, then the
// attempt (protocol.md, section 7).
type Fence = tx.Fence

var (
	// ErrFenceFile is of a guard whose memory cannot be believed: nothing is done until a person has looked.
	ErrFenceFile = errors.New("fence file is damaged")
	errTrailing  = errors.New("more than one JSON value")
)

// FenceGuard remembers, durably, the highest fencing token that each target has seen, one file a target. All
// executors that reach the same target from one machine share its folder: a target is held by one attempt at
// a time, also between processes. Guards on different machines do not know of each other.
type FenceGuard struct{ dir string }

// lockPause is how long a guard waits before it tries again to hold a target.
const lockPause = 5 * time.Millisecond

// NewFenceGuard keeps its files in dir, which it makes if need be.
func NewFenceGuard(dir string) (*FenceGuard, error) {
	if !filepath.IsAbs(dir) {
		return nil, fmt.Errorf("fence_dir: %q is no absolute path", dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("fence_dir: %w", err)
	}
	return &FenceGuard{dir}, nil
}

// Enter holds the target for an attempt, if no newer one has been seen, and remembers the attempt before it
// returns. The caller acts, then leaves. The same token may enter again: that is a retry.
func (g *FenceGuard) Enter(
	ctx context.Context, chainID, target string, fence Fence,
) (leave func(), err error) {
	if err := tx.CheckName("target", target); err != nil { // it becomes a file's name
		return nil, fail(ReasonRequestInvalid, "%w", err)
	}
	lock, failure := g.hold(ctx, target)
	if failure != nil {
		return nil, failure
	}
	if failure := g.advance(chainID, target, fence); failure != nil {
		lock.Close()
		return nil, failure
	}
	return func() { lock.Close() }, nil // closing gives up the lock
}

// hold takes the target's lock file. A lock belongs to the open file, so it also stands between two
// goroutines.
func (g *FenceGuard) hold(ctx context.Context, target string) (*os.File, *Failure) {
	lock, err := os.OpenFile(filepath.Join(g.dir, target+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fail(ReasonError, "fence: %w", err)
	}
	for {
		if err = ctx.Err(); err != nil {
			lock.Close()
			return nil, fail(ReasonLimit, "fence: another attempt holds %s: %w", target, err)
		}
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return lock, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			lock.Close()
			return nil, fail(ReasonError, "fence: %w", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(lockPause):
		}
	}
}

// advance refuses a token lower than the highest seen and remembers a higher one. The target is held.
func (g *FenceGuard) advance(chainID, target string, fence Fence) *Failure {
	name := filepath.Join(g.dir, target+".fence")
	text, err := readBounded(name, fenceBytesMax)
	switch {
	case errors.Is(err, os.ErrNotExist): // the first attempt
	case err != nil:
		return fail(ReasonError, "fence: %w", err)
	default:
		seen, err := parseFence(string(text), chainID, target)
		if err != nil {
			return fail(ReasonError, "%s: %w", name, err)
		}
		if fence.Less(seen) {
			return fail(ReasonRefusedFence, "fence %s of %s: %s was seen", fence, target, seen)
		}
		if fence == seen {
			return nil
		}
	}
	if err := writeDurable(name, []byte(formatFence(chainID, target, fence))); err != nil {
		return fail(ReasonError, "fence: %w", err)
	}
	return nil
}

// fenceBytesMax bounds a fence file: three names and numbers, and a digest.
const fenceBytesMax = 1024

// formatFence is one line whose last word is the SHA-256 of what stands before it: a torn line is known as
// such.
func formatFence(chainID, target string, fence Fence) string {
	line := fmt.Sprintf("mprd-fence/1 %q %s %d %d ", chainID, target, fence.Counter, fence.Attempt)
	return fmt.Sprintf("%s%x\n", line, sha256.Sum256([]byte(line)))
}

func parseFence(text, chainID, target string) (Fence, error) {
	var (
		fence               Fence
		ownChain, ownTarget string
	)
	_, err := fmt.Sscanf(text, "mprd-fence/1 %q %s %d %d ",
		&ownChain, &ownTarget, &fence.Counter, &fence.Attempt)
	if err != nil || formatFence(ownChain, ownTarget, fence) != text {
		return Fence{}, fmt.Errorf("%w: %q", ErrFenceFile, strings.TrimSpace(printable(text, 64)))
	}
	if ownChain != chainID || ownTarget != target {
		return Fence{}, fmt.Errorf("%w: it is of chain %q, target %s", ErrFenceFile, ownChain, ownTarget)
	}
	return fence, nil
}

// writeDurable replaces a file by its new content or leaves it as it was, also if power fails.
func writeDurable(name string, content []byte) error {
	file, err := os.OpenFile(name+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(name+".new", name); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// readBounded reads a file of at most limit bytes.
func readBounded(name string, limit int64) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readAtMost(file, limit)
}
