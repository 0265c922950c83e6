package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	rpchttp "github.com/cometbft/cometbft/rpc/client/http"
	coretypes "github.com/cometbft/cometbft/rpc/core/types"

	abcitypes "github.com/cometbft/cometbft/abci/types"

	"mprd/audit"
	"mprd/state"
)

// ProveHead makes a proof file of the audit log's head at a height (0 = the newest that can be proven).
func (c *Client) ProveHead(ctx context.Context, height int64) ([]byte, error) {
	claim, at, err := c.headClaim(ctx, height)
	if err != nil {
		return nil, err
	}
	return c.proofFile(ctx, at, &ProofFile{Claim: &ProofFile_Head{Head: claim}})
}

func (c *Client) headClaim(ctx context.Context, height int64) (*HeadClaim, int64, error) {
	r, err := c.query(ctx, state.PathAuditHead, nil, height)
	if err != nil {
		return nil, 0, err
	}
	proof, err := ics23Of(r)
	return &HeadClaim{Head: r.Value, Proof: proof}, r.Height, err
}

// ics23Of takes the one proof out of an answer.
func ics23Of(r *abcitypes.ResponseQuery) ([]byte, error) {
	if r.ProofOps == nil || len(r.ProofOps.Ops) != 1 || r.ProofOps.Ops[0].Type != state.ProofOpType {
		return nil, badProof("the node sent no proof")
	}
	return r.ProofOps.Ops[0].Data, nil
}

// ProveRecord makes a proof file of a record, as of the newest block; it waits for the header after that.
func (c *Client) ProveRecord(ctx context.Context, index uint64) ([]byte, error) {
	claim, at, err := c.recordClaim(ctx, index)
	if err != nil {
		return nil, err
	}
	return c.proofFile(ctx, at, &ProofFile{Claim: &ProofFile_Record{Record: claim}})
}

func (c *Client) recordClaim(ctx context.Context, index uint64) (*RecordClaim, int64, error) {
	newest, err := c.Newest(ctx)
	if err != nil {
		return nil, 0, err
	}
	head, at, err := c.headClaim(ctx, newest)
	if err != nil {
		return nil, 0, err
	}
	h, err := audit.DecodeHead(head.Head)
	if err != nil {
		return nil, 0, badProof("%w", err)
	}
	if index >= h.Size {
		return nil, 0, fmt.Errorf("%w: record %d, the log has %d at height %d", ErrNotFound, index, h.Size, at)
	}
	var answer state.RecordProof
	err = c.ask(ctx, state.PathRecord, at, &state.RecordRequest{Index: index, Size_: h.Size}, &answer)
	return &RecordClaim{Head: head, Index: index, Path: answer.Path, Leaf: answer.Leaf}, at, err
}

// ProveRow makes a proof file of a row of a table, or of its absence. key is without the table's prefix.
func (c *Client) ProveRow(ctx context.Context, table string, key []byte, height int64) ([]byte, error) {
	r, err := c.query(ctx, state.PathTable+table, key, height)
	if err != nil {
		return nil, err
	}
	proof, err := ics23Of(r)
	if err != nil {
		return nil, err
	}
	claim := &RowClaim{Table: table, Key: key, Value: r.Value, Proof: proof}
	return c.proofFile(ctx, r.Height, &ProofFile{Claim: &ProofFile_Row{Row: claim}})
}

// proofFile adds light block height+1 and checks the whole before it is handed out.
func (c *Client) proofFile(ctx context.Context, height int64, file *ProofFile) ([]byte, error) {
	next := height + 1
	signed, err := c.commit(ctx, next)
	if err != nil {
		return nil, err
	}
	if signed.Header == nil || signed.Commit == nil {
		return nil, badProof("the node sent no commit of height %d", next)
	}
	file.ChainId = signed.Header.ChainID
	if file.Header, err = signed.Header.ToProto().Marshal(); err != nil {
		return nil, err
	}
	if file.Commit, err = signed.Commit.ToProto().Marshal(); err != nil {
		return nil, err
	}
	if file.Validators, err = c.validators(ctx, next); err != nil {
		return nil, err
	}
	raw, err := file.Marshal()
	if err != nil {
		return nil, err
	}
	_, err = Verify(raw, Trust{ChainID: c.chainID, ValidatorsHash: signed.Header.ValidatorsHash})
	return raw, err
}

// commit fetches a signed header, and waits for it if it is that of the block that comes next.
func (c *Client) commit(ctx context.Context, height int64) (*coretypes.ResultCommit, error) {
	for came := false; ; {
		signed, err := each(ctx, c, func(ctx context.Context, n *rpchttp.HTTP) (*coretypes.ResultCommit, error) {
			return n.Commit(ctx, &height)
		})
		if err == nil {
			return signed, nil
		}
		newest, newestErr := c.Newest(ctx)
		// The header may have come between the two questions: it is asked for once more then.
		if newestErr != nil || newest < height-1 || came {
			return nil, errors.Join(err, newestErr)
		}
		came = newest >= height
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: header %d does not come: %w", ErrUnreachable, height, ctx.Err())
		case <-time.After(pollEvery):
		}
	}
}

// pageOfValidators is the most that CometBFT gives at once.
const pageOfValidators = 100

func (c *Client) validators(ctx context.Context, height int64) ([]Validator, error) {
	var list []Validator
	for page := 1; ; page++ {
		perPage := pageOfValidators
		r, err := each(ctx, c, func(ctx context.Context, n *rpchttp.HTTP) (*coretypes.ResultValidators, error) {
			return n.Validators(ctx, &height, &page, &perPage)
		})
		if err != nil {
			return nil, err
		}
		for _, v := range r.Validators {
			if v == nil || v.PubKey == nil { // JSON can say so
				return nil, badProof("the node names a validator without a key")
			}
			list = append(list, Validator{Key: v.PubKey.Bytes(), Power: uint64(v.VotingPower)})
		}
		if len(r.Validators) == 0 || len(list) >= r.Total || len(list) > validatorsMax {
			return list, nil
		}
	}
}
