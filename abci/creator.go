package abci

import (
	"context"

	abcicli "github.com/cometbft/cometbft/abci/client"
	abcitypes "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/libs/service"
)

// creator gives CometBFT clients that call the application directly, without a lock around every call: the
// application itself says what may run beside what.
type creator struct{ application *Application }

// NewABCIClient implements proxy.ClientCreator.
func (c creator) NewABCIClient() (abcicli.Client, error) {
	client := &directClient{Application: c.application}
	client.BaseService = *service.NewBaseService(nil, "directClient", client)
	return client, nil
}

// directClient is one of CometBFT's four connections. The callback is set once, before the first tx.
type directClient struct {
	service.BaseService
	*Application
	callback abcicli.Callback
}

// Error implements abcicli.Client: a call in process has no connection that could break.
func (c *directClient) Error() error { return nil }

// Flush implements abcicli.Client.
func (c *directClient) Flush(context.Context) error { return nil }

// Echo implements abcicli.Client.
func (c *directClient) Echo(_ context.Context, message string) (*abcitypes.ResponseEcho, error) {
	return &abcitypes.ResponseEcho{Message: message}, nil
}

// SetResponseCallback implements abcicli.Client.
func (c *directClient) SetResponseCallback(callback abcicli.Callback) { c.callback = callback }

// CheckTxAsync implements abcicli.Client. It has answered when it returns.
func (c *directClient) CheckTxAsync(ctx context.Context, r *abcitypes.RequestCheckTx) (*abcicli.ReqRes,
	error) {
	answer, err := c.CheckTx(ctx, r)
	if err != nil {
		return nil, err
	}
	request, response := abcitypes.ToRequestCheckTx(r), abcitypes.ToResponseCheckTx(answer)
	c.callback(request, response)
	done := abcicli.NewReqRes(request)
	done.Response = response
	done.InvokeCallback()
	return done, nil
}
