package watch

import (
	"context"
	"errors"
	"slices"
	"time"

	"mprd/agent/driver"
)

const (
	// outboxMax bounds the alerts that wait for the webhook's receiver; the oldest go first.
	outboxMax = 1024
	// tellAgainFirst and tellAgainLast bound the wait after a try that failed, which doubles.
	tellAgainFirst = time.Second
	tellAgainLast  = time.Minute
)

// courier brings one alert at a time to the receiver, beside all else.
type courier struct {
	busy bool
	next time.Time // not before
	wait time.Duration
	done chan delivery
}

// delivery is what a try came to.
type delivery struct {
	id  string
	err error
}

// post sends the oldest alert that waits, if none is on its way.
func (w *Watcher) post() {
	c := &w.courier
	if w.config.Webhook == nil || c.busy || len(w.memory.Outbox) == 0 || time.Now().Before(c.next) {
		return
	}
	a := w.memory.Outbox[0]
	payload, err := a.JSON()
	if err != nil { // text and numbers always have a JSON
		c.done <- delivery{a.ID, err}
		c.busy = true
		return
	}
	c.busy = true
	go func() { c.done <- delivery{a.ID, w.config.Webhook.Tell(context.Background(), a.ID, payload)} }()
}

// posted takes in what a try came to. What the receiver will never take is dropped, and logged.
func (w *Watcher) posted(d delivery) error {
	c := &w.courier
	c.busy = false
	failure := &driver.Failure{}
	refused := errors.As(d.err, &failure) && failure.Reason == driver.ReasonRequestInvalid
	if d.err != nil && !refused {
		w.stats.webhook.WithLabelValues("failed").Inc()
		c.wait = min(max(2*c.wait, tellAgainFirst), tellAgainLast)
		c.next = time.Now().Add(c.wait)
		w.config.Log.Warn().Err(d.err).Int("waiting", len(w.memory.Outbox)).Msg("webhook")
		return nil
	}
	result := "taken"
	if refused {
		result = "refused"
		w.config.Log.Error().Err(d.err).Str("alert", d.id).Msg("the webhook's receiver refuses an alert: dropped")
	}
	w.stats.webhook.WithLabelValues(result).Inc()
	c.wait = 0
	w.memory.Outbox = slices.DeleteFunc(w.memory.Outbox, func(a *Alert) bool { return a.ID == d.id })
	w.stats.outbox.Set(float64(len(w.memory.Outbox)))
	return w.memory.save()
}

// enqueue puts an alert into the outbox.
func (w *Watcher) enqueue(a *Alert) {
	if w.config.Webhook == nil {
		return
	}
	w.memory.Outbox = append(w.memory.Outbox, a)
	if over := len(w.memory.Outbox) - outboxMax; over > 0 {
		w.memory.Outbox = w.memory.Outbox[over:]
		w.stats.webhook.WithLabelValues("dropped").Add(float64(over))
		w.config.Log.Error().Int("alerts", over).Msg("the webhook's queue is full: the oldest were dropped")
	}
	w.stats.outbox.Set(float64(len(w.memory.Outbox)))
}

// drain takes in what observations and the courier came to, without waiting.
func (w *Watcher) drain() error {
	for {
		select {
		case o := <-w.observed:
			w.took(o)
		case d := <-w.courier.done:
			if err := w.posted(d); err != nil {
				return err
			}
		default:
			w.post()
			return nil
		}
	}
}

// lastPosts is how long a watcher that ends still tries to bring its alerts to the receiver. What is left
// then is in its file, and goes out when it is started again.
const lastPosts = 5 * time.Second

func (w *Watcher) postAll() error {
	if w.config.Webhook == nil {
		return nil
	}
	until := time.Now().Add(lastPosts)
	for w.courier.busy || len(w.memory.Outbox) > 0 && time.Now().Before(until) {
		w.post()
		select {
		case d := <-w.courier.done:
			if err := w.posted(d); err != nil {
				return err
			}
		case <-time.After(50 * time.Millisecond): // the next try is not due yet
		}
	}
	if n := len(w.memory.Outbox); n > 0 {
		w.config.Log.Error().Int("alerts", n).Msg("the webhook's receiver did not take all; the next start goes on")
	}
	return nil
}
