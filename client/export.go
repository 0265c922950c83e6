package client

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"mprd/audit"
	"mprd/state"
)

// An export is a folder: the whole log in tlog-tiles layout, and a proof file of its head.
const (
	exportLog  = "log"
	exportHead = "head.mprdproof"
)

// Export writes the whole audit log as of the newest block into a new folder. progress is
// told how many records are there of how many.
func (c *Client) Export(ctx context.Context, dir string, progress func(done, of uint64)) (err error) {
	if err := os.MkdirAll(filepath.Dir(filepath.Clean(dir)), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	newest, err := c.Newest(ctx)
	if err != nil {
		return err
	}
	proof, err := c.ProveHead(ctx, newest)
	if err != nil {
		return err
	}
	head, height, err := headIn(proof)
	if err != nil {
		return err
	}
	log, err := audit.Open(filepath.Join(dir, exportLog))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	for done := uint64(0); done < head.Size; {
		var answer state.Records
		request := &state.RecordsRequest{Start: done, Limit: uint32(min(head.Size-done, state.RecordsMax))}
		if err := c.ask(ctx, state.PathRecords, int64(height), request, &answer); err != nil {
			return err
		}
		if len(answer.Leaves) == 0 {
			return badProof("the node has no record %d", done)
		}
		if err := log.Append(answer.Leaves); err != nil {
			return err
		}
		done += uint64(len(answer.Leaves))
		progress(done, head.Size)
	}
	if err := log.Sync(); err != nil {
		return err
	}
	if err := log.VerifyHead(head); err != nil {
		return badProof("%w", err)
	}
	return os.WriteFile(filepath.Join(dir, exportHead), proof, 0o644)
}

// headIn reads the head of a file that was verified when it was made.
func headIn(raw []byte) (audit.Head, uint64, error) {
	var file ProofFile
	if err := decodeStrict(raw, &file, "proof file"); err != nil {
		return audit.Head{}, 0, err
	}
	header, _, err := file.decodeBlock()
	if err != nil {
		return audit.Head{}, 0, err
	}
	head, err := audit.DecodeHead(file.GetHead().GetHead())
	return head, uint64(header.Height) - 1, err
}

// Exported is an exported log. Open believes nothing; Verify does.
type Exported struct {
	log  *audit.Store
	head []byte
}

// OpenExport opens an export's folder.
func OpenExport(dir string) (*Exported, error) {
	head, err := os.ReadFile(filepath.Join(dir, exportHead))
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
		return nil, badProof("%d records, the head has %d", e.log.Size(), proven.Head.Size)
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
	for index := uint64(0); index < e.log.Size(); {
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
