package driver

import (
	"context"
	"net/http"
)

// Tell posts something else than a task to the receiver, signed as tasks are, until it has taken or refused
// it, or the driver's wall time is over. The id goes into webhook-id: who says the same again uses it again.
// The error is a *Failure; ReasonRequestInvalid means that the receiver will never take it.
func (w *Webhook) Tell(ctx context.Context, id string, payload []byte) error {
	if _, failure := w.deliver(ctx, http.MethodPost, w.config.URL, id, payload); failure != nil {
		return failure
	}
	return nil
}
