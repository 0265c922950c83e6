package driver

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func newGuard(t *testing.T) *FenceGuard {
	t.Helper()
	guard, err := NewFenceGuard(filepath.Join(t.TempDir(), "fences"))
	if err != nil {
		t.Fatal(err)
	}
	return guard
}

func enter(t *testing.T, g *FenceGuard, target string, fence Fence) error {
	t.Helper()
	leave, err := g.Enter(t.Context(), "chain", target, fence)
	if err == nil {
		leave()
	}
	return err
}

// TestNoTokenBelowTheHighestSeenEnters holds the guard against the plain rule, with a new guard on the same
// folder for every step: what is remembered is on the disk.
func TestNoTokenBelowTheHighestSeenEnters(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			r.Fatal(err)
		}
		highest := map[string]Fence{}
		for range rapid.IntRange(1, 12).Draw(r, "steps") {
			target := rapid.SampledFrom([]string{"a", "a.b", "gateway-1"}).Draw(r, "target")
			fence := Fence{
				Counter: rapid.Uint64Range(0, 3).Draw(r, "counter"), Attempt: rapid.Uint32Range(0, 2).Draw(r, "attempt"),
			}
			guard, err := NewFenceGuard(dir)
			if err != nil {
				r.Fatal(err)
			}
			err = enter(t, guard, target, fence)
			if seen, ok := highest[target]; ok && fence.Less(seen) {
				wantReason(t, err, ReasonRefusedFence)
				continue
			}
			if err != nil {
				r.Fatal(err)
			}
			highest[target] = fence
		}
	})
}

func TestADamagedFenceFileLetsNothingIn(t *testing.T) {
	good := formatFence("chain", "gateway", Fence{Counter: 5, Attempt: 1})
	damaged := map[string]string{
		"empty": "", "torn": good[:len(good)/2], "no newline": good[:len(good)-1], "more": good + good,
		"flipped": strings.Replace(good, " 5 1 ", " 4 1 ", 1), "zeros": strings.Repeat("\x00", len(good)),
		"another target's": formatFence("chain", "other", Fence{Counter: 5, Attempt: 1}),
		"another chain's":  formatFence("elsewhere", "gateway", Fence{Counter: 5, Attempt: 1}),
		"long":             strings.Repeat(good, 100),
	}
	for name, content := range damaged {
		t.Run(name, func(t *testing.T) {
			guard := newGuard(t)
			file := filepath.Join(guard.dir, "gateway.fence")
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			err := enter(t, guard, "gateway", Fence{Counter: 9, Attempt: 9})
			wantReason(t, err, ReasonError)
			if !errors.Is(err, ErrFenceFile) && !errors.Is(err, errTooLong) {
				t.Errorf("%v does not say what is wrong", err)
			}
			if kept, err := os.ReadFile(file); err != nil || string(kept) != content {
				t.Errorf("the file was touched: %q %v", kept, err)
			}
		})
	}
}

// TestATornReplacementIsNotBelieved leaves what a crash before the rename leaves.
func TestATornReplacementIsNotBelieved(t *testing.T) {
	guard := newGuard(t)
	if err := enter(t, guard, "gateway", Fence{Counter: 5, Attempt: 1}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(guard.dir, "gateway.fence.new"), []byte("mprd-fe"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantReason(t, enter(t, guard, "gateway", Fence{Counter: 5, Attempt: 0}), ReasonRefusedFence)
	if err := enter(t, guard, "gateway", Fence{Counter: 5, Attempt: 2}); err != nil {
		t.Fatal(err)
	}
}

func TestATargetIsHeldByOneAttempt(t *testing.T) {
	guard := newGuard(t)
	leave, err := guard.Enter(t.Context(), "chain", "gateway", Fence{Counter: 1, Attempt: 0})
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewFenceGuard(guard.dir) // another process looks no different
	if err != nil {
		t.Fatal(err)
	}
	if err := enter(t, other, "elsewhere", Fence{Counter: 1, Attempt: 0}); err != nil {
		t.Fatalf("another target is held too: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = other.Enter(ctx, "chain", "gateway", Fence{Counter: 1, Attempt: 1})
	wantReason(t, err, ReasonLimit)
	entered := make(chan error)
	go func() {
		leave, err := other.Enter(t.Context(), "chain", "gateway", Fence{Counter: 1, Attempt: 1})
		if err == nil {
			defer leave()
		}
		entered <- err
	}()
	leave()
	if err := <-entered; err != nil {
		t.Fatal(err)
	}
	wantReason(t, enter(t, guard, "gateway", Fence{Counter: 1, Attempt: 0}), ReasonRefusedFence)
}

func TestATargetsNameCannotLeaveTheFolder(t *testing.T) {
	guard := newGuard(t)
	for _, target := range []string{"", "..", "../x", "a/b", "/etc/x", "a\x00b", "A", strings.Repeat("a", 65)} {
		wantReason(t, enter(t, guard, target, Fence{Counter: 1, Attempt: 0}), ReasonRequestInvalid)
	}
	if entries, err := os.ReadDir(guard.dir); err != nil || len(entries) != 0 {
		t.Errorf("files were made: %v %v", entries, err)
	}
}
