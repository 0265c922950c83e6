package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	abcitypes "github.com/cometbft/cometbft/abci/types"
	rpcclient "github.com/cometbft/cometbft/rpc/client"
	rpchttp "github.com/cometbft/cometbft/rpc/client/http"
	coretypes "github.com/cometbft/cometbft/rpc/core/types"

	"mprd/audit"
	"mprd/state"
	"mprd/tx"
)

// Client talks to one or several nodes of one chain; the next one is asked when one does not answer.
type Client struct {
	nodes   []*rpchttp.HTTP
	chainID string // "" until a node was asked
}

// callTime bounds one call to one node.
const callTime = 10 * time.Second

// New makes a client of the nodes at addresses (http://host:port). With chainID "" the first answer says it.
func New(addresses []string, chainID string) (*Client, error) {
	c := &Client{chainID: chainID}
	for _, address := range addresses {
		node, err := rpchttp.New(address, "/websocket")
		if err != nil {
			return nil, fmt.Errorf("node %q: %w", address, err)
		}
		c.nodes = append(c.nodes, node)
	}
	if len(c.nodes) == 0 {
		return nil, fmt.Errorf("%w: none is named", ErrUnreachable)
	}
	return c, nil
}

// addresses are the nodes', as New was given them.
func (c *Client) addresses() []string {
	var list []string
	for _, node := range c.nodes {
		list = append(list, node.Remote())
	}
	return list
}

// each asks the nodes in turn until one answers.
func each[R any](ctx context.Context, c *Client, ask func(context.Context, *rpchttp.HTTP) (R,
	error)) (R, error) {
	var failed []error
	var none R
	for _, node := range c.nodes {
		call, cancel := context.WithTimeout(ctx, callTime)
		answer, err := ask(call, node)
		cancel()
		if err == nil || !unanswered(err) {
			return answer, err
		}
		failed = append(failed, fmt.Errorf("%s: %w", node.Remote(), err))
	}
	return none, errors.Join(append([]error{ErrUnreachable}, failed...)...)
}

// unanswered tells a node that did not answer, or does not have the height, from one that said no.
func unanswered(err error) bool {
	var refused *Refusal
	if errors.As(err, &refused) {
		return errors.Is(err, tx.CodeQueryHeight)
	}
	return !errors.Is(err, ErrBadProof) && !strings.Contains(err.Error(), "RPC error")
}

// Status is a node's own word about itself.
func (c *Client) Status(ctx context.Context) (*coretypes.ResultStatus, error) {
	return each(ctx, c, func(ctx context.Context, n *rpchttp.HTTP) (*coretypes.ResultStatus, error) {
		return n.Status(ctx)
	})
}

// ChainID is the chain's id: the one that New was given, or what a node says.
func (c *Client) ChainID(ctx context.Context) (string, error) {
	if c.chainID == "" {
		status, err := c.Status(ctx)
		if err != nil {
			return "", err
		}
		name := status.NodeInfo.Network
		if name == "" || strings.ContainsFunc(name, unprintable) {
			return "", badProof("the node says its chain is %q", name)
		}
		c.chainID = name
	}
	return c.chainID, nil
}

// statusTime bounds how long CheckChain waits for a node.
const statusTime = 2 * time.Second

// CheckChain asks every node what chain it is of: ErrOtherChain if one is not of the chain that New was
// given. A node that does not answer is passed over. It finds mistakes, not liars.
func (c *Client) CheckChain(ctx context.Context) error {
	if c.chainID == "" {
		return nil
	}
	for _, node := range c.nodes {
		call, cancel := context.WithTimeout(ctx, statusTime)
		status, err := node.Status(call)
		cancel()
		if err == nil && status.NodeInfo.Network != c.chainID {
			return fmt.Errorf("%w: %s is of %q, not of %q", ErrOtherChain, node.Remote(),
				printable(status.NodeInfo.Network), c.chainID)
		}
	}
	return nil
}

// query asks one path. height 0 is the node's newest that can be proven. The height may come from a node that
// is ahead of the one that is asked: if no node has it, one that is behind is given a moment to get there.
func (c *Client) query(ctx context.Context, path string, data []byte, height int64) (
	*abcitypes.ResponseQuery, error) {
	for until := time.Now().Add(behindTime); ; {
		behind := false
		r, err := each(ctx, c, func(ctx context.Context, n *rpchttp.HTTP) (*abcitypes.ResponseQuery, error) {
			r, err := queryNode(ctx, n, path, data, height)
			if errors.Is(err, tx.CodeQueryHeight) {
				info, infoErr := n.ABCIInfo(ctx)
				behind = behind || infoErr == nil && info.Response.LastBlockHeight < height
			}
			return r, err
		})
		var refused *Refusal
		if !errors.As(err, &refused) {
			return r, err
		}
		if !behind || time.Now().After(until) {
			return nil, refused
		}
		select {
		case <-ctx.Done():
			return nil, refused
		case <-time.After(pollEvery):
		}
	}
}

func queryNode(ctx context.Context, n *rpchttp.HTTP, path string, data []byte, height int64) (
	*abcitypes.ResponseQuery, error) {
	r, err := n.ABCIQueryWithOptions(ctx, path, data, rpcclient.ABCIQueryOptions{Height: height, Prove: true})
	if err != nil {
		return nil, err
	}
	if err := RefusalOf(r.Response.Codespace, r.Response.Code, r.Response.Log); err != nil {
		return nil, err
	}
	if height > 0 && r.Response.Height != height {
		return nil, badProof("the node answers for height %d, asked for %d", r.Response.Height, height)
	}
	return &r.Response, nil
}

// ask sends a request message and decodes the answer.
func (c *Client) ask(ctx context.Context, path string, height int64, request, answer codec) error {
	data, err := request.Marshal()
	if err != nil {
		return err
	}
	r, err := c.query(ctx, path, data, height)
	if err != nil {
		return err
	}
	if err := answer.Unmarshal(r.Value); err != nil {
		return badProof("the node's answer to %s: %w", path, err)
	}
	return nil
}

// Newest is the height of the newest state of a node. Its header does not exist yet, so it cannot be proven.
// A node's status names blocks that are stored and not yet executed, so the application is asked.
func (c *Client) Newest(ctx context.Context) (int64, error) {
	info, err := each(ctx, c, func(ctx context.Context, n *rpchttp.HTTP) (*coretypes.ResultABCIInfo, error) {
		return n.ABCIInfo(ctx)
	})
	if err != nil {
		return 0, err
	}
	return info.Response.LastBlockHeight, nil
}

// Row reads a row of a table from the newest state, unproven, into v. key is without the table's prefix.
// ErrNotFound if there is none.
func (c *Client) Row(ctx context.Context, table string, key []byte, v state.Message) error {
	height, err := c.Newest(ctx)
	if err != nil {
		return err
	}
	r, err := c.query(ctx, state.PathTable+table, key, height)
	if err != nil {
		return err
	}
	if len(r.Value) == 0 {
		return fmt.Errorf("%w: no row %x in %s at height %d", ErrNotFound, key, table, r.Height)
	}
	return v.Unmarshal(r.Value)
}

// Page reads rows of a table in key order from start on, unproven, and the key to go on from.
func (c *Client) Page(ctx context.Context, table string, start []byte, limit uint32) (*state.Page, error) {
	height, err := c.Newest(ctx)
	if err != nil {
		return nil, err
	}
	page := &state.Page{}
	err = c.ask(ctx, state.PathPage+table, height, &state.PageRequest{Start: start, Limit: limit}, page)
	return page, err
}

// Account reads an account, unproven.
func (c *Client) Account(ctx context.Context, a tx.Address) (*state.Account, error) {
	account := &state.Account{}
	return account, c.Row(ctx, "accounts", a[:], account)
}

// Params reads the chain's parameters, unproven, but never such as no chain can have: prices are worked out
// with them.
func (c *Client) Params(ctx context.Context) (*state.Params, error) {
	params := &state.Params{}
	if err := c.Row(ctx, "params", nil, params); err != nil {
		return nil, err
	}
	if err := params.Validate(); err != nil {
		return nil, badProof("the node's parameters: %w", err)
	}
	return params, nil
}

// ActivePolicy reads the hash of the active bundle, unproven.
func (c *Client) ActivePolicy(ctx context.Context) ([]byte, error) {
	active := &state.ActivePolicy{}
	err := c.Row(ctx, "active_policy", nil, active)
	return active.Hash, err
}

// Target reads a target, unproven.
func (c *Client) Target(ctx context.Context, id string) (*state.Target, error) {
	target := &state.Target{}
	return target, c.Row(ctx, "targets", []byte(id), target)
}

// Pending reads an action that waits for people, unproven.
func (c *Client) Pending(ctx context.Context, id tx.Digest) (*state.Pending, error) {
	pending := &state.Pending{}
	return pending, c.Row(ctx, "pending", id[:], pending)
}

// Bundle reads a policy bundle by its hash.
func (c *Client) Bundle(ctx context.Context, hash []byte) (*state.Bundle, error) {
	bundle := &state.Bundle{}
	return bundle, c.Row(ctx, "policies", hash, bundle)
}

// Simulate asks what a tx would come to on the newest state. Its signatures may be zeros.
func (c *Client) Simulate(ctx context.Context, raw []byte) (*state.Simulation, error) {
	r, err := c.query(ctx, state.PathSimulate, raw, 0)
	if err != nil {
		return nil, err
	}
	simulation := &state.Simulation{}
	return simulation, simulation.Unmarshal(r.Value)
}

// Record reads a record of the log, unproven, from the newest state.
func (c *Client) Record(ctx context.Context, index uint64) (*audit.Record, error) {
	height, err := c.Newest(ctx)
	if err != nil {
		return nil, err
	}
	var answer state.RecordProof
	if err := c.ask(ctx, state.PathRecord, height, &state.RecordRequest{Index: index}, &answer); err != nil {
		return nil, err
	}
	r, err := audit.DecodeLeaf(answer.Leaf)
	if err != nil {
		return nil, badProof("record %d: %w", index, err)
	}
	if r.PrevSize != index {
		return nil, badProof("the node answers with record %d, asked for %d", r.PrevSize, index)
	}
	return r, nil
}

// Head reads the audit log's head from the newest state, unproven.
func (c *Client) Head(ctx context.Context) (audit.Head, error) {
	height, err := c.Newest(ctx)
	if err != nil {
		return audit.Head{}, err
	}
	r, err := c.query(ctx, state.PathAuditHead, nil, height)
	if err != nil {
		return audit.Head{}, err
	}
	return audit.DecodeHead(r.Value)
}
