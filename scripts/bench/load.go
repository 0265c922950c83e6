package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"mprd/policy"
	"mprd/tx"
)

// Sizes of the cast that the bench adds to the example's.
const (
	fleetSize      = 100 // agents; each has room for a few dozen txs in a mempool
	requestersSize = 32  // people who ask for what is high-impact; each may have 64 actions waiting
	votesPerAction = 3   // the example's guard `prod-high-impact`
)

// Places in a ten of the mix.
const (
	tenthHighImpact = 3 // an allowed request like its neighbours, but in every third ten one that waits
	tenthDenied     = 6
	tenthApproval   = 7
)

// load makes the txs of a model fleet's day. Of ten: six requests that are allowed (in every third ten one of
// them is high-impact and waits for three people), one request that is denied, one approval (every third one
// completes its count), two transfers. Not safe for concurrent use.
type load struct {
	chainID    string
	policy     [32]byte
	keys       map[string]*tx.Key
	fleet      []*tx.Key
	requesters []*tx.Key

	made    int         // txs of the mix so far
	waiting []tx.Digest // actions that were requested and have not three votes yet, the oldest first
	votes   int         // that the first of them has
	asked   int         // high-impact requests so far
}

func newLoad(example, chainID string) (*load, error) {
	raw, err := os.ReadFile(filepath.Join(example, "keys.json"))
	if err != nil {
		return nil, err
	}
	var seeds map[string]string
	if err := json.Unmarshal(raw, &seeds); err != nil {
		return nil, err
	}
	l := &load{chainID: chainID, keys: map[string]*tx.Key{}}
	for name, text := range seeds {
		seed, err := hex.DecodeString(text)
		if err != nil {
			return nil, err
		}
		if l.keys[name], err = tx.KeyFromSeed(seed); err != nil {
			return nil, err
		}
	}
	for i := range fleetSize {
		l.fleet = append(l.fleet, castKey("agent", i))
	}
	for i := range requestersSize {
		l.requesters = append(l.requesters, castKey("requester", i))
	}
	bundle, err := policy.ReadDir(os.DirFS(filepath.Join(example, "policy")))
	l.policy = bundle.Hash()
	return l, err
}

// castKey is the key of the i-th agent or requester.
func castKey(role string, i int) *tx.Key {
	seed := sha256.Sum256(fmt.Appendf(nil, "mprd bench key: %s %d", role, i))
	key, err := tx.KeyFromSeed(seed[:])
	if err != nil {
		panic(err) // a seed of 32 bytes always makes a key
	}
	return key
}

// lacking is how many actions must wait before n txs of the mix can be made: each approval in them is of an
// action that was requested before the first of them.
func (l *load) lacking(n int) int {
	approvals := (n + 9) / 10
	return max(0, (l.votes+approvals+votesPerAction-1)/votesPerAction-len(l.waiting))
}

// prime makes n high-impact requests, to be committed before the mix that approves them.
func (l *load) prime(n int, nowMs uint64) ([][]byte, error) {
	raws := make([][]byte, n)
	for i := range raws {
		raw, id, err := l.highImpact(l.asked, nowMs)
		if err != nil {
			return nil, err
		}
		raws[i] = raw
		l.asked++
		l.waiting = append(l.waiting, id)
	}
	return raws, nil
}

// batch makes n signed txs of the mix with tokens around nowMs, over all cores.
func (l *load) batch(n int, nowMs uint64) ([][]byte, error) {
	if n%10 != 0 || l.lacking(n) > 0 {
		return nil, fmt.Errorf("%d txs of the mix: want whole tens, and %d more actions that wait", n, l.lacking(n))
	}
	raws, ids, errs := make([][]byte, n), make([]tx.Digest, n), make([]error, 2)
	var workers sync.WaitGroup
	for w := range errs {
		workers.Go(func() {
			for i := w; i < n && errs[w] == nil; i += len(errs) {
				raws[i], ids[i], errs[w] = l.one(i, nowMs)
			}
		})
	}
	workers.Wait()
	for i := range ids {
		if l.isHighImpact(l.made + i) {
			l.asked++
			l.waiting = append(l.waiting, ids[i])
		}
	}
	l.made += n
	l.votes += n / 10
	l.waiting = l.waiting[l.votes/votesPerAction:]
	l.votes %= votesPerAction
	return raws, errors.Join(errs...)
}

func (l *load) isHighImpact(ordinal int) bool {
	return ordinal%10 == tenthHighImpact && ordinal/10%votesPerAction == 0
}

// one makes the i-th tx of a batch; id is its action's.
func (l *load) one(i int, nowMs uint64) (raw []byte, id tx.Digest, err error) {
	ordinal := l.made + i
	signer := l.fleet[ordinal%fleetSize]
	switch tenth := ordinal % 10; {
	case l.isHighImpact(ordinal):
		return l.highImpact(ordinal, nowMs)
	case tenth < 4:
		return l.request(signer, nowMs, "gw-dev", &tx.RequestAction_Scale{
			Scale: &tx.Scale{Replicas: uint32(2 + ordinal/10%2)},
		})
	case tenth < tenthDenied:
		return l.request(signer, nowMs, "gw-staging-eu", &tx.RequestAction_Throttle{
			Throttle: &tx.Throttle{RequestsPerSecond: uint64(400 + ordinal%50), Burst: 200},
		})
	case tenth == tenthDenied: // agents pause nothing
		return l.request(signer, nowMs, "gw-prod-eu", &tx.RequestAction_Pause{Pause: &tx.Pause{Paused: true}})
	case tenth == tenthApproval:
		return l.approve(signer, l.votes+i/10, nowMs)
	}
	to := l.keys["security-1"].Address()
	body := &tx.Body{Message: &tx.Body_Transfer{Transfer: &tx.Transfer{To: to[:], Amount: 1}}}
	return l.sign(body, signer, nowMs)
}

// highImpact asks for a pause of production, or for its end: it waits for three people.
func (l *load) highImpact(n int, nowMs uint64) ([]byte, tx.Digest, error) {
	return l.request(l.requesters[n%requestersSize], nowMs, "gw-prod-us",
		&tx.RequestAction_Pause{Pause: &tx.Pause{Paused: n%2 == 0}})
}

// hourMs is how long what is high-impact waits, and how long an approval is good.
const hourMs = 3_600_000

// request is a RequestAction on target; its Op is whichever of the five op is.
func (l *load) request(signer *tx.Key, nowMs uint64, target string, op any) ([]byte, tx.Digest, error) {
	m := &tx.RequestAction{Target: target, ResourcesRequired: 1, PolicyHash: l.policy[:],
		ValueAtRisk: 1_000_000, WaitMs: hourMs}
	switch op := op.(type) {
	case *tx.RequestAction_Scale:
		m.Op = op
	case *tx.RequestAction_Throttle:
		m.Op = op
	case *tx.RequestAction_Pause:
		m.Op = op
	}
	return l.sign(&tx.Body{Message: &tx.Body_RequestAction{RequestAction: m}}, signer, nowMs)
}

// approve relays a vote; votes are counted from the first action that waits.
func (l *load) approve(relay *tx.Key, vote int, nowMs uint64) ([]byte, tx.Digest, error) {
	approver := l.keys[fmt.Sprintf("approver-%d", 1+vote%votesPerAction)]
	approval, err := tx.SignApproval(l.chainID, l.waiting[vote/votesPerAction], approver.Address(),
		tx.Verdict_VERDICT_APPROVE, nowMs+hourMs, approver)
	if err != nil {
		return nil, tx.Digest{}, err
	}
	body := &tx.Body{Message: &tx.Body_ApproveAction{ApproveAction: &tx.ApproveAction{Approval: approval}}}
	return l.sign(body, relay, nowMs)
}

func (l *load) sign(body *tx.Body, signer *tx.Key, nowMs uint64) ([]byte, tx.Digest, error) {
	nonce := make([]byte, tx.NonceBytes)
	if _, err := rand.Read(nonce); err != nil {
		return nil, tx.Digest{}, err
	}
	address := signer.Address()
	body.ChainId, body.MaxFee, body.Signer = l.chainID, 16_000, address[:]
	body.Token = &tx.Token{Nonce: nonce, IssuedAtMs: nowMs, ExpiresAtMs: nowMs + 290_000}
	body.GasLimit = tx.GasFor(body)
	id, err := body.Seal()
	if err != nil {
		return nil, id, err
	}
	raw, err := tx.Sign(body, signer)
	return raw, id, err
}
