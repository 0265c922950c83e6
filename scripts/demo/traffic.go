package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// What the demo sends through the gateway.
const (
	countedRequests = 200                   // to see shares
	askedRequests   = 30                    // to see who answers at all
	rateWindow      = 2 * time.Second       // to see a throttle
	clockSlack      = 20 * time.Millisecond // HAProxy reads its clock once for many requests
	senders         = 8
	sharesSlackBps  = 200 // that shares may be off: HAProxy's weights have 256 steps
)

// ask sends one request: its status, and the name of the backend that answered.
func (p *proxy) ask() (int, string, error) {
	answer, err := p.client.Get(fmt.Sprintf("http://127.0.0.1:%d/", httpPort))
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<16))
	if answer.StatusCode != http.StatusOK {
		return answer.StatusCode, "", err
	}
	return answer.StatusCode, string(body), err
}

func (p *proxy) see(e *effect) (string, error) {
	switch {
	case e.SharesBps != nil:
		return p.seeShares(e.SharesBps)
	case e.Rate != nil:
		return p.seeRate(*e.Rate)
	case e.Certificate != "":
		return p.seeCertificate(e.Certificate)
	}
	return p.seeAnswering(e.Answering)
}

// tally sends n requests one after another: how many each backend answered, and each other status.
func (p *proxy) tally(n int) (map[string]int, error) {
	counts := map[string]int{}
	for range n {
		status, name, err := p.ask()
		if err != nil {
			return nil, err
		}
		if status != http.StatusOK {
			name = fmt.Sprint(status)
		}
		counts[name]++
	}
	return counts, nil
}

func (p *proxy) seeShares(want map[string]uint32) (string, error) {
	counts, err := p.tally(countedRequests)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("%d requests: %s", countedRequests, listed(counts))
	for name, n := range counts {
		if off := n*10_000/countedRequests - int(want[name]); off > sharesSlackBps || -off > sharesSlackBps {
			return text, fmt.Errorf("%s has %d of them, want %d in 10000", name, n, want[name])
		}
	}
	if len(counts) != len(want) {
		return text, fmt.Errorf("want answers of %d backends", len(want))
	}
	return text, nil
}

// listed are counts as text, in the order of names.
func listed(counts map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(parts, ", ")
}

func (p *proxy) seeAnswering(want []string) (string, error) {
	counts, err := p.tally(askedRequests)
	if err != nil {
		return "", err
	}
	if len(want) == 0 {
		want = []string{fmt.Sprint(http.StatusServiceUnavailable)}
	}
	text := fmt.Sprintf("%d requests: %s", askedRequests, listed(counts))
	if !slices.Equal(slices.Sorted(maps.Keys(counts)), want) {
		return text, fmt.Errorf("want %s alone", strings.Join(want, " and "))
	}
	return text, nil
}

// seeRate sends as fast as it can for a while. The driver's promise is that in any t seconds at most
// rps·t + burst pass; and what may pass should.
func (p *proxy) seeRate(r rate) (string, error) {
	passed, refused, errs := make([]int, senders), make([]int, senders), make([]error, senders)
	var group sync.WaitGroup
	began := time.Now()
	for i := range senders {
		group.Go(func() {
			for time.Since(began) < rateWindow && errs[i] == nil {
				status, _, err := p.ask()
				switch {
				case err != nil:
					errs[i] = err
				case status == http.StatusOK:
					passed[i]++
				case status == http.StatusTooManyRequests:
					refused[i]++
				default:
					errs[i] = fmt.Errorf("status %d", status)
				}
			}
		})
	}
	group.Wait()
	seconds := time.Since(began).Seconds()
	if err := errors.Join(errs...); err != nil {
		return "", err
	}
	through, not := total(passed), total(refused)
	most := int(float64(r.RequestsPerSecond)*(seconds+clockSlack.Seconds())) + r.Burst
	text := fmt.Sprintf("%.1f s of flood: %d got 200 (%d/s · %.1f s + %d), %d got 429", seconds, through,
		r.RequestsPerSecond, seconds, r.Burst, not)
	if through > most || through < most/2 || not == 0 {
		return text, fmt.Errorf("want %d to %d through, and some refused", most/2, most)
	}
	return text, nil
}

func total(counts []int) (sum int) {
	for _, n := range counts {
		sum += n
	}
	return sum
}

func (p *proxy) seeCertificate(version string) (string, error) {
	der, err := p.served()
	if err != nil {
		return "", err
	}
	for name, known := range p.certs.der {
		if bytes.Equal(der, known) {
			text := fmt.Sprintf("the certificate that is served: %s, serial %s", name, p.certs.serial[name])
			if name != version {
				return text, fmt.Errorf("want %s", version)
			}
			return text, nil
		}
	}
	return "", errors.New("a certificate is served that the demo did not make")
}
