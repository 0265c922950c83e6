package watch

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mprd/agent/driver"
)

// receiver is a webhook's receiver that verifies what it takes.
type receiver struct {
	t      *testing.T
	key    ed25519.PublicKey
	mutex  sync.Mutex
	status int // what it answers
	tries  int
	taken  []Alert
}

// receive starts one, and makes the webhook that tells it.
func receive(t *testing.T) (*receiver, *driver.Webhook) {
	t.Helper()
	seed := seedOf(t)
	r := &receiver{t: t, status: http.StatusNoContent,
		key: ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "webhook.key")
	ok(t, os.WriteFile(file, []byte("whsk_"+base64.StdEncoding.EncodeToString(seed)), 0o600))
	config := driver.DefaultConfigWebhook()
	config.URL, config.KeyFile, config.WallTime, config.TryTime = server.URL, file, 200*time.Millisecond,
		100*time.Millisecond
	w, err := driver.NewWebhook(config)
	ok(t, err)
	return r, w
}

// seedOf is the seed of a test's key.
func seedOf(t *testing.T) []byte {
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, t.Name())
	return seed
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		r.t.Error(err)
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.tries++
	id := request.Header.Get("webhook-id")
	text := id + "." + request.Header.Get("webhook-timestamp") + "." + string(body)
	encoded, _ := strings.CutPrefix(request.Header.Get("webhook-signature"), "v1a,")
	signature, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !ed25519.Verify(r.key, []byte(text), signature) {
		r.t.Errorf("signature of %s", text)
	}
	var message struct {
		Version int
		Kind    string
		Data    Alert
	}
	if err := json.Unmarshal(body, &message); err != nil || message.Version != AlertVersion ||
		message.Kind != "alert" || message.Data.ID != id {
		r.t.Errorf("%s: %s, %v", id, body, err)
	}
	if r.status < 300 {
		r.taken = append(r.taken, message.Data)
	}
	w.WriteHeader(r.status)
}

func (r *receiver) set(status int) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.status = status
}

func (r *receiver) seen() (tries int, taken []Alert) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.tries, append([]Alert{}, r.taken...)
}

// TestAWebhookGetsEachAlertOnce: though its receiver was away, and the watcher too.
func TestAWebhookGetsEachAlertOnce(t *testing.T) {
	c := startChain(t)
	var v voice
	r, webhook := receive(t)
	r.set(http.StatusServiceUnavailable)
	config := c.settings(&v)
	config.Webhook, config.AlertOn = webhook, []Kind{KindExpired}
	c.ended(c.fly("gw-run", 5))
	c.reach(c.newest() + 2)
	began := time.Now()
	if well, err := c.once(config); err != nil || well {
		t.Errorf("%v, %v", well, err)
	}
	if tries, taken := r.seen(); tries < 2 || len(taken) > 0 || time.Since(began) > time.Minute {
		t.Errorf("%d tries, %+v", tries, taken)
	}
	r.set(http.StatusNoContent)
	for range 2 {
		if well, err := c.once(config); err != nil || !well {
			t.Errorf("%v, %v", well, err)
		}
	}
	_, taken := r.seen()
	if len(taken) != 1 || taken[0].Kind != KindExpired || taken[0].ID != v.of(KindExpired)[0].ID ||
		len(v.of(KindExpired)) != 1 {
		t.Errorf("%+v, said %+v", taken, v.said)
	}

	t.Run("what it refuses for good is dropped", func(t *testing.T) {
		r.set(http.StatusBadRequest)
		stop := c.run(config)
		c.ended(c.fly("gw-run", 6))
		c.until("the second alarm", func() bool { return len(v.of(KindExpired)) == 2 })
		ok(t, stop())
		r.set(http.StatusNoContent)
		if well, err := c.once(config); err != nil || !well {
			t.Errorf("%v, %v", well, err)
		}
		for _, a := range func() []Alert { _, taken := r.seen(); return taken }() {
			if a.ID == v.of(KindExpired)[1].ID {
				t.Errorf("%+v", a)
			}
		}
	})
}

// TestTheOutboxIsBounded: the oldest go first.
func TestTheOutboxIsBounded(t *testing.T) {
	_, webhook := receive(t)
	w := bare(t)
	w.config.Webhook = webhook
	for range outboxMax + 3 {
		w.tell(&Alert{Kind: KindFault, Text: "x"})
		w.memory.Unsaid = nil
	}
	w.memory.Outbox[outboxMax-1].Text = "last"
	w.tell(&Alert{Kind: KindFault, Text: "newest"})
	if n := len(w.memory.Outbox); n != outboxMax || w.memory.Outbox[n-1].Text != "newest" ||
		w.memory.Outbox[n-2].Text != "last" {
		t.Errorf("%d alerts", n)
	}
	ok(t, w.memory.close())
}
