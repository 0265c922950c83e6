package client

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"mprd/audit"
	"mprd/state"
)

// An export is a folder: the whole log in tlog-tiles layout, and a proof file of its head.
const (
	exportLog  = "log"
	exportHead = "head.mprdproof"
)

// exportSyncPages is after how many pages what was fetched is made durable.
const exportSyncPages = 64

// Export writes the whole audit log as of the newest block into a folder. If a former export is there,
// complete or cut short, its records are verified to be the log's first ones, and it goes on after them.
// progress is told how many records are there of how many. ErrBadProof if what is there, or comes, is not
// this log.
func (c *Client) Export(ctx context.Context, dir string, progress func(done, of uint64)) (err error) {
	log, err := openExportLog(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	newest, err := c.Newest(ctx)
	if err != nil {
		return err
	}
	proof, err := c.ProveHead(ctx, newest)
	if err != nil {
		return err
	}
	head, err := headIn(proof)
	if err != nil {
		return err
	}
	if err := c.goesOn(ctx, log, head); err != nil {
		return fmt.Errorf("what is in %s is not the beginning of this log; remove it, or name another folder: %w",
			dir, err)
	}
	if err := c.fetch(ctx, log, head, progress); err != nil {
		return err
	}
	if err := log.VerifyAll(head); err != nil {
		return badProof("%w", err)
	}
	return ReplaceFile(filepath.Join(dir, exportHead), proof, 0o644)
}

// openExportLog makes the folder, or takes up one that an export was begun in.
func openExportLog(dir string) (*audit.Store, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Name() != exportLog && !strings.HasPrefix(e.Name(), exportHead) {
			return nil, fmt.Errorf("%s is no export: it holds %s; name a new folder", dir, e.Name())
		}
	}
	log, err := audit.Open(filepath.Join(dir, exportLog))
	if err != nil {
		return nil, err
	}
	if err := log.Cut(log.Size()); err != nil { // a record that was half written goes
		return nil, errors.Join(badProof("%s: %w; remove it and export again", dir, err), log.Close())
	}
	return log, nil
}

// goesOn holds that what the folder has are the first records of the head's log.
func (c *Client) goesOn(ctx context.Context, log *audit.Store, head audit.Head) error {
	if log.Size() == 0 {
		return nil
	}
	if log.Size() > head.Size {
		return badProof("%d records, the node has %d: it is behind, or of another chain", log.Size(), head.Size)
	}
	frontier := audit.NewFrontier()
	exported := &Exported{log: log}
	err := exported.each(func(leaf []byte, _ *audit.Record) error {
		frontier.Append(audit.LeafHash(leaf))
		return nil
	})
	if err != nil {
		return badProof("%w", err)
	}
	return c.consistent(ctx, frontier.Head(), head)
}

// fetch appends the records that are missing.
func (c *Client) fetch(ctx context.Context, log *audit.Store, head audit.Head,
	progress func(done, of uint64)) error {
	done := log.Size()
	for pages := 1; done < head.Size; pages++ {
		newest, err := c.Newest(ctx) // not the head's height, which a node forgets while a long log is fetched
		if err != nil {
			return err
		}
		var answer state.Records
		limit := min(head.Size-done, state.RecordsMax)
		request := &state.RecordsRequest{Start: done, Limit: uint32(limit)}
		if err := c.ask(ctx, state.PathRecords, newest, request, &answer); err != nil {
			return err
		}
		if n := uint64(len(answer.Leaves)); n == 0 || n > limit {
			return badProof("the node has %d records from %d on, want 1 to %d", n, done, limit)
		}
		if err := log.Append(answer.Leaves); err != nil {
			return err
		}
		if pages%exportSyncPages == 0 {
			if err := log.Sync(); err != nil {
				return err
			}
		}
		done += uint64(len(answer.Leaves))
		progress(done, head.Size)
	}
	return log.Sync()
}

// headIn reads the head of a file that was verified when it was made.
func headIn(raw []byte) (audit.Head, error) {
	var file ProofFile
	if err := decodeStrict(raw, &file, "proof file"); err != nil {
		return audit.Head{}, err
	}
	return audit.DecodeHead(file.GetHead().GetHead())
}

// Exported is an exported log. Open believes nothing; Verify does.
type Exported struct {
	log  *audit.Store
	head []byte
}

// OpenExport opens an export's folder.
func OpenExport(dir string) (*Exported, error) {
	head, err := os.ReadFile(filepath.Join(dir, exportHead))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is no export, or one that was cut short: export into it again", err, dir)
	}
	if err != nil {
		return nil, err
	}
	log, err := audit.Open(filepath.Join(dir, exportLog))
	if err != nil {
		return nil, err
	}
	return &Exported{log, head}, nil
}

// Close releases the folder.
func (e *Exported) Close() error { return e.log.Close() }

// Verify rehashes every record of the log against its head, the head against the state, the state against the
// validators that signed, and these against what the auditor trusts. It needs no network.
func (e *Exported) Verify(trust Trust) (*Proven, error) {
	proven, err := Verify(e.head, trust)
	if err != nil {
		return nil, err
	}
	if proven.Head == nil {
		return nil, badProof("%s is not about the log's head", exportHead)
	}
	if e.log.Size() != proven.Head.Size {
		return nil, badProof("%d records, the head has %d; an export that was cut short can be run again",
			e.log.Size(), proven.Head.Size)
	}
	if err := e.log.VerifyAll(*proven.Head); err != nil {
		return nil, badProof("%w", err)
	}
	frontier := audit.NewFrontier()
	return proven, e.each(func(leaf []byte, r *audit.Record) error {
		if root := frontier.Root(); r.PrevSize != frontier.Size() || string(r.PrevRoot) != string(root[:]) {
			return badProof("record %d does not follow the one before it", frontier.Size())
		}
		frontier.Append(audit.LeafHash(leaf))
		return nil
	})
}

// exportPage is how many leaves are read at once.
const exportPage = 256

// each decodes every record in order.
func (e *Exported) each(visit func(leaf []byte, r *audit.Record) error) error {
	return e.eachFrom(0, visit)
}

// eachFrom decodes every record from an index on, in order.
func (e *Exported) eachFrom(index uint64, visit func(leaf []byte, r *audit.Record) error) error {
	for index < e.log.Size() {
		leaves, err := e.log.Leaves(index, exportPage)
		if err != nil {
			return err
		}
		for _, leaf := range leaves {
			r, err := audit.DecodeLeaf(leaf)
			if err != nil {
				return fmt.Errorf("%w: record %d: %w", ErrBadProof, index, err)
			}
			if err := visit(leaf, r); err != nil {
				return err
			}
			index++
		}
	}
	return nil
}

// Records decodes the whole log.
func (e *Exported) Records() ([]*audit.Record, error) {
	var list []*audit.Record
	err := e.each(func(_ []byte, r *audit.Record) error {
		list = append(list, r)
		return nil
	})
	return list, err
}
