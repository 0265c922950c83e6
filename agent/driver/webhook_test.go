package driver

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"

	"mprd/internal/testchain"
	"mprd/state"
)

// receiver is an HTTP server that answers from a script and keeps what it was sent.
type receiver struct {
	*httptest.Server
	mutex sync.Mutex
	heard []delivery
}

type delivery struct {
	header http.Header
	method string
	query  string
	body   []byte
}

// startReceiver answers the nth request, counted from 0, by script.
func startReceiver(t *testing.T, script func(n int, w http.ResponseWriter, r *http.Request)) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			t.Error(err)
		}
		r.mutex.Lock()
		n := len(r.heard)
		r.heard = append(r.heard, delivery{request.Header, request.Method, request.URL.RawQuery, body})
		r.mutex.Unlock()
		script(n, w, request)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) deliveries() []delivery {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return slices.Clone(r.heard)
}

// seed makes the tests' key; the receiver's side has the public part only.
var seed = bytes.Repeat([]byte{7}, ed25519.SeedSize)

func newWebhook(t *testing.T, to string, change func(*ConfigWebhook)) *Webhook {
	t.Helper()
	config := DefaultConfigWebhook()
	config.URL, config.KeyFile = to, filepath.Join(t.TempDir(), "webhook.key")
	config.WallTime, config.TryTime = 20*time.Second, 20*time.Second
	text := "whsk_" + base64.StdEncoding.EncodeToString(seed) + "\n"
	if err := os.WriteFile(config.KeyFile, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&config)
	}
	w, err := NewWebhook(config)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func answerGood(w http.ResponseWriter) {
	io.WriteString(w, `{"observed": {"weights": [1, 3]}, "resources_used": 5}`)
}

// verify checks a delivery as a receiver would, by another implementation of ed25519 than the driver's.
func verify(t *testing.T, w *Webhook, d delivery) {
	t.Helper()
	public, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(w.PublicKey(), "whpk_"))
	if err != nil {
		t.Fatal(err)
	}
	encoded, found := strings.CutPrefix(d.header.Get("Webhook-Signature"), "v1a,")
	signature, err := base64.StdEncoding.DecodeString(encoded)
	if !found || err != nil {
		t.Fatalf("webhook-signature: %q", d.header.Get("Webhook-Signature"))
	}
	signed := d.header.Get("Webhook-Id") + "." + d.header.Get("Webhook-Timestamp") + "." + string(d.body)
	if !voi.Verify(public, []byte(signed), signature) {
		t.Error("the signature is not over id.timestamp.payload")
	}
	if voi.Verify(public, []byte(signed+" "), signature) {
		t.Error("the signature is over anything")
	}
}

func TestAReceiverCanVerifyWhatItGets(t *testing.T) {
	r := startReceiver(t, func(_ int, w http.ResponseWriter, _ *http.Request) { answerGood(w) })
	w := newWebhook(t, r.URL+"/hook", nil)
	task := routeTask("gateway", twoBackends()...)
	before := time.Now().Unix()
	outcome, err := w.Apply(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	if string(outcome.ReadBack) != `{"weights":[1,3]}` || outcome.ResourcesUsed != 5 {
		t.Errorf("%s, %d", outcome.ReadBack, outcome.ResourcesUsed)
	}
	heard := r.deliveries()
	if len(heard) != 1 || heard[0].method != http.MethodPost || !bytes.Equal(heard[0].body, task.document()) {
		t.Fatalf("%+v", heard)
	}
	if id := heard[0].header.Get("Webhook-Id"); id != "ac"+strings.Repeat("00", 31)+"-1-0" {
		t.Errorf("webhook-id %q", id)
	}
	at, err := strconv.ParseInt(heard[0].header.Get("Webhook-Timestamp"), 10, 64)
	if err != nil || at < before || at > time.Now().Unix() {
		t.Errorf("webhook-timestamp %d %v", at, err)
	}
	verify(t, w, heard[0])
}

func TestARepetitionHasTheSameId(t *testing.T) {
	r := startReceiver(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if status := []int{500, 429, 503, 408, 200}[n]; status != 200 {
			w.WriteHeader(status)
			return
		}
		answerGood(w)
	})
	w := newWebhook(t, r.URL, nil)
	if _, err := w.Apply(t.Context(), routeTask("gateway", twoBackends()...)); err != nil {
		t.Fatal(err)
	}
	heard := r.deliveries()
	if len(heard) != 5 {
		t.Fatalf("%d tries, want 5", len(heard))
	}
	for _, d := range heard {
		if d.header.Get("Webhook-Id") != heard[0].header.Get("Webhook-Id") || !bytes.Equal(d.body, heard[0].body) {
			t.Errorf("%v differs from %v", d, heard[0])
		}
	}
	verify(t, w, heard[4])
}

func TestStatusesHaveTheirReasons(t *testing.T) {
	for status, want := range map[int]Reason{
		200: "", 201: "", 299: "", 400: ReasonRequestInvalid, 404: ReasonRequestInvalid, 409: ReasonRequestInvalid,
		422: ReasonRequestInvalid, 412: ReasonRefusedFence, 401: ReasonError, 403: ReasonError, 407: ReasonError,
		301: ReasonError, 302: ReasonError, 304: ReasonError, 307: ReasonError, 308: ReasonError,
	} {
		r := startReceiver(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
			if status != http.StatusNotModified {
				answerGood(w)
			}
		})
		_, err := newWebhook(t, r.URL, nil).Apply(t.Context(), routeTask("gateway", twoBackends()...))
		if got := reasonOf(t, err); got != want || len(r.deliveries()) != 1 {
			t.Errorf("%d: %v, %d tries; want %q, one try", status, err, len(r.deliveries()), want)
		}
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	other := startReceiver(t, func(_ int, w http.ResponseWriter, _ *http.Request) { answerGood(w) })
	r := startReceiver(t, func(_ int, w http.ResponseWriter, request *http.Request) {
		http.Redirect(w, request, other.URL, http.StatusPermanentRedirect)
	})
	_, err := newWebhook(t, r.URL, nil).Apply(t.Context(), routeTask("gateway", twoBackends()...))
	wantReason(t, err, ReasonError)
	if len(other.deliveries()) != 0 {
		t.Error("the task went to another receiver")
	}
}

// TestAReceiverThatGivesNoAnswerEndsWithTheTime: which reason it has says whether somebody was there.
func TestAReceiverThatGivesNoAnswerEndsWithTheTime(t *testing.T) {
	hang := make(chan struct{})
	silent := startReceiver(t, func(int, http.ResponseWriter, *http.Request) { <-hang })
	half := startReceiver(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"observed":`)
		w.(http.Flusher).Flush()
		<-hang
	})
	t.Cleanup(func() { close(hang) }) // before the servers close, which wait for their handlers
	broken := startReceiver(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) })
	for to, want := range map[string]Reason{
		silent.URL: ReasonLimit, half.URL: ReasonLimit, broken.URL: ReasonUnreachable,
		"http://" + testchain.FreeAddress(t): ReasonUnreachable,
	} {
		w := newWebhook(t, to, func(c *ConfigWebhook) {
			c.WallTime, c.TryTime = 500*time.Millisecond, 100*time.Millisecond
		})
		_, err := w.Apply(t.Context(), routeTask("gateway", twoBackends()...))
		if got := reasonOf(t, err); got != want {
			t.Errorf("%s: %v, want %s", to, err, want)
		}
	}
	if tries := len(silent.deliveries()); tries < 2 {
		t.Errorf("%d tries of a silent receiver, want more", tries)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := newWebhook(t, broken.URL, nil).Apply(over, routeTask("gateway", twoBackends()...))
	wantReason(t, err, ReasonLimit)
}

func TestAnAnswerIsBoundedAndJudged(t *testing.T) {
	huge := `{"observed":"` + strings.Repeat("x", answerBytesMax) + `"}`
	large := `{"observed":"` + strings.Repeat("x", ReadBackBytesMax) + `"}`
	for answer, want := range map[string]Reason{
		"": ReasonError, "ok": ReasonError, "[]": ReasonError, "{}": ReasonError, `{"observed":null}`: ReasonError,
		`{"observed":1}{}`: ReasonError, `{"observed":1,"resources_used":1001}`: ReasonLimit, huge: ReasonLimit,
		`{"observed":1,"resources_used":18446744073709551616}`: ReasonError, `{"observed":false}`: "", large: "",
	} {
		r := startReceiver(t, func(_ int, w http.ResponseWriter, _ *http.Request) { io.WriteString(w, answer) })
		outcome, err := newWebhook(t, r.URL, nil).Apply(t.Context(), routeTask("gateway", twoBackends()...))
		if got := reasonOf(t, err); got != want {
			t.Errorf("%.60q: %v, want %q", answer, err, want)
		}
		if len(outcome.ReadBack) > ReadBackBytesMax || err == nil && !json.Valid(outcome.ReadBack) {
			t.Errorf("%.60q: read back %s", answer, outcome.ReadBack)
		}
	}
}

func TestAReceiverIsObserved(t *testing.T) {
	task := routeTask("gateway", twoBackends()...)
	held := specOf(task.Spec)
	held.Generation = 3 // an earlier one that came to the same
	r := startReceiver(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n == 1 {
			held.Paused, held.Backends = true, held.Backends[:1]
		}
		io.WriteString(w, `{"observed":{"up":true},"spec":`+string(encode(held))+`}`)
	})
	w := newWebhook(t, r.URL+"/?tenant=7", nil)
	for _, want := range []string{"", "backends are not the spec's; paused are not the spec's"} {
		readBack, differs, err := w.Observe(t.Context(), "gateway", task.Spec)
		if err != nil || differs != want || string(readBack) != `{"up":true}` {
			t.Errorf("%s %q %v, want %q", readBack, differs, err, want)
		}
	}
	for _, d := range r.deliveries() {
		if d.method != http.MethodGet || d.query != "target=gateway&tenant=7" || len(d.body) != 0 {
			t.Errorf("%+v", d)
		}
		verify(t, w, d)
	}
	mute := startReceiver(t, func(_ int, w http.ResponseWriter, _ *http.Request) { answerGood(w) })
	_, _, err := newWebhook(t, mute.URL, nil).Observe(t.Context(), "gateway", task.Spec)
	wantReason(t, err, ReasonError)
	_, _, err = w.Observe(t.Context(), "a&target=b", &state.Spec{})
	wantReason(t, err, ReasonRequestInvalid)
}

// TestPlainHTTPStaysOnLoopback: also when a name that is to mean this machine means another.
func TestPlainHTTPStaysOnLoopback(t *testing.T) {
	for address, ok := range map[string]bool{
		"127.0.0.1:80": true, "127.9.9.9:80": true, "[::1]:80": true, "[::ffff:127.0.0.1]:80": true,
		"192.0.2.1:80": false, "[2001:db8::1]:80": false, "[::]:80": false, "localhost:80": false,
	} {
		if err := onlyLoopback("tcp", address, nil); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestAWrongConfigurationOfWebhookIsNamed(t *testing.T) {
	good := newWebhook(t, "https://receiver.example/hook", nil).config
	for _, to := range []string{"http://localhost:8080/", "http://[::1]/x", "http://127.0.0.1"} {
		newWebhook(t, to, nil)
	}
	newWebhook(t, "http://receiver.example/", func(c *ConfigWebhook) { c.Plaintext = true })
	keyOf := func(content string, mode os.FileMode) func(*ConfigWebhook) {
		return func(c *ConfigWebhook) {
			c.KeyFile = filepath.Join(t.TempDir(), "key")
			if err := os.WriteFile(c.KeyFile, []byte(content), mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	mismatched := base64.StdEncoding.EncodeToString(append(slices.Clone(seed), seed...))
	right := base64.StdEncoding.EncodeToString(ed25519.NewKeyFromSeed(seed))
	newWebhook(t, "https://receiver.example/", keyOf("whsk_"+right, 0o600))
	for name, c := range map[string]struct {
		spoil func(*ConfigWebhook)
		want  string
	}{
		"plain http":      {func(c *ConfigWebhook) { c.URL = "http://receiver.example/" }, "url"},
		"looks like one":  {func(c *ConfigWebhook) { c.URL = "http://127.0.0.1.example/" }, "url"},
		"another scheme":  {func(c *ConfigWebhook) { c.URL = "ftp://127.0.0.1/" }, "url"},
		"a user":          {func(c *ConfigWebhook) { c.URL = "https://u:p@receiver.example/" }, "url"},
		"no host":         {func(c *ConfigWebhook) { c.URL = "https:///hook" }, "url"},
		"no url":          {func(c *ConfigWebhook) { c.URL = "\x00" }, "url"},
		"wall time":       {func(c *ConfigWebhook) { c.WallTime = 0 }, "wall_time"},
		"try time":        {func(c *ConfigWebhook) { c.TryTime = 2 * c.WallTime }, "try_time"},
		"key file":        {func(c *ConfigWebhook) { c.KeyFile = "key" }, "key_file"},
		"no key":          {func(c *ConfigWebhook) { c.KeyFile += ".none" }, "key_file"},
		"no prefix":       {keyOf(right, 0o600), "key_file"},
		"short key":       {keyOf("whsk_AAAA", 0o600), "key_file"},
		"two halves":      {keyOf("whsk_"+mismatched, 0o600), "key_file"},
		"known to others": {keyOf("whsk_"+right, 0o640), "key_file"},
	} {
		config := good
		c.spoil(&config)
		_, err := NewWebhook(config)
		if err == nil || !strings.Contains(err.Error(), "webhook: "+c.want) ||
			strings.Contains(err.Error(), right) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
