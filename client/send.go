package client

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	rpchttp "github.com/cometbft/cometbft/rpc/client/http"
	coretypes "github.com/cometbft/cometbft/rpc/core/types"

	"mprd/state"
	"mprd/tx"
)

// Draft is what a caller may choose about a tx; zero values are chosen for him.
type Draft struct {
	Life   time.Duration // of the token; 0 = tokenLife
	Issued time.Time     // zero = now
	MaxFee uint64        // 0 = the fee and the execution fee as they are now, doubled
	Nonce  []byte        // nil = random
}

// tokenLife is how long a token lives unless the caller says so. The chain's limit is a parameter.
const tokenLife = 2 * time.Minute

// Fill completes a body that has a message, and cosigners if it is to have any: chain id, signer, token, gas
// and fee. The body is sealed; its action hash is returned.
func (c *Client) Fill(ctx context.Context, b *tx.Body, signer tx.Address, d Draft) (tx.Digest, error) {
	chainID, err := c.ChainID(ctx)
	if err != nil {
		return tx.Digest{}, err
	}
	b.ChainId, b.Signer = chainID, signer[:]
	if b.Token, err = d.token(); err != nil {
		return tx.Digest{}, err
	}
	b.GasLimit, b.MaxFee = tx.GasFor(b), d.MaxFee
	if b.MaxFee == 0 {
		params, err := c.Params(ctx)
		if err != nil {
			return tx.Digest{}, err
		}
		execution, err := c.executionFee(ctx, b, params)
		if err != nil {
			return tx.Digest{}, err
		}
		b.MaxFee = 2 * (tx.FeeOf(b, params.BaseFee, params.GasPerUnit) + execution) // bounded by the parameters
	}
	return b.Seal()
}

// executionFee is what a request costs beside its fee, base units: held until it is over, if its target has
// executors. Of a target that there is not it is nothing; the chain will say so.
func (c *Client) executionFee(ctx context.Context, b *tx.Body, params *state.Params) (uint64, error) {
	request := b.GetRequestAction()
	if request == nil {
		return 0, nil
	}
	target, err := c.Target(ctx, request.Target)
	switch {
	case errors.Is(err, ErrNotFound):
		return 0, nil
	case err != nil:
		return 0, err
	case target.ExecutorGroup == state.GroupNone:
		return 0, nil
	}
	return params.FeeOfExecution(request), nil
}

func (d Draft) token() (*tx.Token, error) {
	nonce := d.Nonce
	if nonce == nil {
		nonce = make([]byte, tx.NonceBytes)
		if _, err := rand.Read(nonce); err != nil {
			return nil, err
		}
	}
	issued, life := d.Issued, d.Life
	if issued.IsZero() {
		issued = time.Now()
	}
	if life == 0 {
		life = tokenLife
	}
	return &tx.Token{
		Nonce: nonce, IssuedAtMs: uint64(issued.UnixMilli()), ExpiresAtMs: uint64(issued.Add(life).UnixMilli()),
	}, nil
}

// Unsigned is the raw tx of a sealed body with zeros for signatures, as Simulate takes it.
func (c *Client) Unsigned(ctx context.Context, b *tx.Body) ([]byte, error) {
	raw, err := b.Marshal()
	if err != nil {
		return nil, err
	}
	envelope := &tx.Tx{Body: raw}
	for _, a := range append([][]byte{b.Signer}, approvers(b)...) {
		account, err := c.Account(ctx, tx.AddressFrom(a))
		if err != nil {
			return nil, err
		}
		key := account.PublicKey
		if key == nil {
			return nil, fmt.Errorf("%w: account %s has no key yet; it is bound when it first signs",
				ErrNotFound, tx.AddressFrom(a))
		}
		envelope.Signatures = append(envelope.Signatures,
			&tx.Signature{PublicKey: key, Signature: make([]byte, tx.SignatureBytes)})
	}
	return envelope.Marshal()
}

func approvers(b *tx.Body) [][]byte {
	var list [][]byte
	for _, c := range b.Cosigners {
		list = append(list, c.Approver)
	}
	return list
}

// Send hands a tx to a node's mempool. Sending it again is harmless: its nonce is used once. If a node broke
// off while it had the tx and no other answers, the error is ErrUnknown too.
func (c *Client) Send(ctx context.Context, raw []byte) (tx.Digest, error) {
	hash := sha256.Sum256(raw)
	delivered := false // perhaps
	r, err := each(ctx, c, func(ctx context.Context, n *rpchttp.HTTP) (*coretypes.ResultBroadcastTx, error) {
		r, err := n.BroadcastTxSync(ctx, raw)
		delivered = delivered || err != nil && !undialed(err)
		return r, err
	})
	switch {
	case err != nil && strings.Contains(err.Error(), "tx already exists in cache"):
		return hash, nil
	case errors.Is(err, ErrUnreachable) && delivered:
		return hash, fmt.Errorf("%w: tx %x; ask again with: mprd tx wait %x: %w", ErrUnknown, hash, hash, err)
	case err != nil:
		return hash, err
	}
	refusal := RefusalOf(r.Codespace, r.Code, r.Log)
	if errors.Is(refusal, tx.CodeReplay) {
		if _, err := c.find(ctx, hash); err == nil {
			return hash, nil // it is in the chain already
		}
	}
	return hash, refusal
}

// undialed tells a node that was never reached from one that broke off.
func undialed(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}
