package driver

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"mprd/state"
)

// ConfigWebhook is the webhook driver's configuration.
type ConfigWebhook struct {
	URL       string        // https, or http to a loopback address; no user, no fragment
	Plaintext bool          // accept http to any address: the payload is signed, not secret
	KeyFile   string        // absolute; whsk_<base64 of the ed25519 seed or private key>, for its owner only
	WallTime  time.Duration // of a task with its retries, 100 ms to 10 min
	TryTime   time.Duration // of one try, 10 ms to WallTime
}

// DefaultConfigWebhook has the limits filled in; the rest is the owner's.
func DefaultConfigWebhook() ConfigWebhook {
	return ConfigWebhook{WallTime: 2500 * time.Millisecond, TryTime: time.Second}
}

// Validate says all that is wrong, by key.
func (c ConfigWebhook) Validate() error {
	var faults []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf("webhook: "+format, args...))
		}
	}
	u, err := url.Parse(c.URL)
	want(err == nil && u.Host != "" && u.User == nil && u.Fragment == "", "url: want https://host/path")
	if err == nil {
		want(u.Scheme == "https" || u.Scheme == "http" && (c.Plaintext || loopback(u.Hostname())),
			"url: scheme %q: want https, or http to a loopback address", u.Scheme)
	}
	want(filepath.IsAbs(c.KeyFile), "key_file: %q is no absolute path", c.KeyFile)
	want(c.WallTime >= 100*time.Millisecond && c.WallTime <= 10*time.Minute,
		"wall_time: %s, want 100ms to 10m", c.WallTime)
	want(c.TryTime >= 10*time.Millisecond && c.TryTime <= c.WallTime,
		"try_time: %s, want 10ms to wall_time", c.TryTime)
	return errors.Join(faults...)
}

func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.Unmap().IsLoopback()
}

// secretPrefix and its kind are of Standard Webhooks 1.0, asymmetric signatures.
const secretPrefix = "whsk_"

// ParseWebhookKey reads a Standard Webhooks private key: whsk_ and the base64 of 32 bytes (the seed) or of 64
// (seed and public key, which must belong together).
func ParseWebhookKey(text string) (ed25519.PrivateKey, error) {
	encoded, found := strings.CutPrefix(strings.TrimSpace(text), secretPrefix)
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if !found || err != nil || len(raw) != ed25519.SeedSize && len(raw) != ed25519.PrivateKeySize {
		return nil, errWebhookKey // nothing of it is quoted
	}
	key := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
	if len(raw) == ed25519.PrivateKeySize && !key.Equal(ed25519.PrivateKey(raw)) {
		return nil, errWebhookKey
	}
	return key, nil
}

var errWebhookKey = errors.New("want whsk_<base64 of an ed25519 seed or private key>")

// Webhook tells a receiver what to do and takes its word for what was done.
type Webhook struct {
	config ConfigWebhook
	key    ed25519.PrivateKey
	client *http.Client
	now    func() time.Time
}

// NewWebhook makes the driver and reads its key.
func NewWebhook(config ConfigWebhook) (*Webhook, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	text, err := readPrivate(filepath.Dir(config.KeyFile), filepath.Base(config.KeyFile))
	if err != nil {
		return nil, fmt.Errorf("webhook: key_file: %w", err)
	}
	key, err := ParseWebhookKey(string(text))
	if err != nil {
		return nil, fmt.Errorf("webhook: key_file: %w", err)
	}
	dialer := &net.Dialer{}
	if strings.HasPrefix(config.URL, "http:") && !config.Plaintext {
		dialer.Control = onlyLoopback // whatever the resolver says of localhost
	}
	return &Webhook{config, key, &http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, MaxResponseHeaderBytes: 16 << 10, MaxIdleConnsPerHost: 4,
			IdleConnTimeout: time.Minute, TLSHandshakeTimeout: config.TryTime, // and no proxy from the environment
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, time.Now}, nil
}

var errNotLoopback = errors.New("plain http goes to loopback addresses only")

func onlyLoopback(_, address string, _ syscall.RawConn) error {
	if at, err := netip.ParseAddrPort(address); err != nil || !at.Addr().Unmap().IsLoopback() {
		return fmt.Errorf("%w: %s", errNotLoopback, address)
	}
	return nil
}

// Apply posts the task until the receiver has taken or refused it, or the time is over. All tries of an
// attempt carry the same webhook-id, by which a receiver knows a repetition; its fencing token is in the
// payload.
func (w *Webhook) Apply(ctx context.Context, task Task) (Outcome, error) {
	if failure := task.check(); failure != nil {
		return Outcome{}, failure
	}
	id := fmt.Sprintf("%s-%d-%d", hex.EncodeToString(task.ActionID[:]), task.Fence.Counter, task.Fence.Attempt)
	text, failure := w.deliver(ctx, http.MethodPost, w.config.URL, id, task.document())
	if failure != nil {
		return Outcome{}, failure
	}
	return task.outcome(text)
}

// Observe gets the receiver's word on a target, which holds the spec that it keeps to, and compares that.
func (w *Webhook) Observe(ctx context.Context, target string, spec *state.Spec) ([]byte, string, error) {
	if failure := checkSpec(target, spec); failure != nil {
		return nil, "", failure
	}
	u, err := url.Parse(w.config.URL)
	if err != nil {
		return nil, "", fail(ReasonError, "webhook: %w", err)
	}
	query := u.Query()
	query.Set("target", target)
	u.RawQuery = query.Encode()
	id := "observe-" + target + "-" + strconv.FormatInt(w.now().UnixNano(), 10)
	text, failure := w.deliver(ctx, http.MethodGet, u.String(), id, nil)
	if failure != nil {
		return nil, "", failure
	}
	a, readBack, failure := parseAnswer(text)
	if failure != nil {
		return nil, "", failure
	}
	if a.Spec == nil {
		return nil, "", fail(ReasonError, "answer to observe has no field spec")
	}
	differences := a.Spec.differences(specOf(spec))
	for i, name := range differences {
		differences[i] = name + " are not the spec's"
	}
	return readBack, words(differences), nil
}

// Waits between tries: doubled each time, up to the last.
const (
	waitFirst = 50 * time.Millisecond
	waitLast  = time.Second
)

// deliver tries until an answer is final or the time is over. What the last try came to is what it says then.
func (w *Webhook) deliver(ctx context.Context, method, to, id string, payload []byte) ([]byte, *Failure) {
	ctx, cancel := context.WithTimeout(ctx, w.config.WallTime)
	defer cancel()
	wait := waitFirst
	last := fail(ReasonLimit, "webhook: no time for a try")
	for {
		if ctx.Err() != nil {
			return nil, last
		}
		text, again, failure := w.try(ctx, method, to, id, payload)
		if !again {
			return text, failure
		}
		last = failure
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, waitLast)
	}
}

// try sends once. again says that another try may end differently.
func (w *Webhook) try(
	ctx context.Context, method, to, id string, payload []byte,
) (text []byte, again bool, f *Failure) {
	ctx, cancel := context.WithTimeout(ctx, w.config.TryTime)
	defer cancel()
	var connected atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	request, err := http.NewRequestWithContext(traced, method, to, bytes.NewReader(payload))
	if err != nil {
		return nil, false, fail(ReasonError, "webhook: %w", err)
	}
	timestamp := strconv.FormatInt(w.now().Unix(), 10)
	signature := ed25519.Sign(w.key, []byte(id+"."+timestamp+"."+string(payload)))
	request.Header.Set("User-Agent", "mprd")
	request.Header.Set("Accept", "application/json")
	if payload != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	// The names are written as Standard Webhooks has them; HTTP does not care.
	request.Header.Set("webhook-id", id)
	request.Header.Set("webhook-timestamp", timestamp)
	request.Header.Set("webhook-signature", "v1a,"+base64.StdEncoding.EncodeToString(signature))
	response, err := w.client.Do(request)
	if errors.Is(err, errNotLoopback) {
		return nil, false, fail(ReasonError, "webhook: %w", err)
	}
	if err != nil {
		return nil, true, fail(silence(ctx, connected.Load()), "webhook: %w", err)
	}
	defer response.Body.Close()
	body, err := readAtMost(response.Body, answerBytesMax)
	switch {
	case errors.Is(err, errTooLong):
		return nil, false, fail(ReasonLimit, "webhook: answer %w", err)
	case err != nil:
		return nil, true, fail(silence(ctx, true), "webhook: answer: %w", err)
	}
	again, f = judge(response.StatusCode, body)
	return body, again, f
}

// silence says what no answer is: of a receiver that was there and took too long, the time's end.
func silence(ctx context.Context, connected bool) Reason {
	if connected && ctx.Err() != nil {
		return ReasonLimit
	}
	return ReasonUnreachable
}

// judge says what a status means; docs/drivers.md has the table.
func judge(status int, body []byte) (again bool, f *Failure) {
	said := fmt.Sprintf("%d %s: %s", status, http.StatusText(status), printable(string(body), failureTextMax/2))
	switch {
	case status >= 200 && status < 300:
		return false, nil
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status >= 500:
		return true, fail(ReasonUnreachable, "webhook: %s", said)
	case status == http.StatusPreconditionFailed:
		return false, fail(ReasonRefusedFence, "webhook: %s", said)
	case status == http.StatusUnauthorized, status == http.StatusForbidden,
		status == http.StatusProxyAuthRequired:
		return false, fail(ReasonError, "webhook: the receiver does not know this executor's key: %s", said)
	case status >= 400:
		return false, fail(ReasonRequestInvalid, "webhook: %s", said)
	default: // a redirect: an authorised action is for the receiver that the owner has named
		return false, fail(ReasonError, "webhook: %s", said)
	}
}

// PublicKey is what the receiver verifies signatures with, as Standard Webhooks writes it.
func (w *Webhook) PublicKey() string {
	public := w.key.Public().(ed25519.PublicKey)
	return "whpk_" + base64.StdEncoding.EncodeToString(public)
}
