package main

import (
	"errors"
	"fmt"
	"io"

	"mprd/client"
	"mprd/economics"
)

// withView reads one state of the chain: proven if the flags say what is trusted, else as a node tells it.
func (s *session) withView(flags *lightFlags, body func(*client.View) error) (err error) {
	if !flags.given() {
		v, err := s.client.View(s.ctx())
		if err != nil {
			return err
		}
		return body(v)
	}
	light, err := flags.open(s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, light.Close()) }()
	v, err := light.View(s.ctx())
	if err != nil {
		return err
	}
	return body(v)
}

// provenView is the part of a printed view that says who vouches for it.
type provenView struct {
	Height uint64           `json:"height"`
	Clock  uint64           `json:"chain_time_ms"`
	Proven *client.ProvenAt `json:"proven,omitempty"` // absent: it is the node's word
}

func provenOf(v *client.View) provenView { return provenView{v.Height, v.Clock.ChainTimeMs, v.Proven} }

func (p provenView) text(w io.Writer) {
	if p.Proven != nil {
		fmt.Fprintf(w, "\nproven: every row is that of height %d\n", p.Height)
		return
	}
	fmt.Fprintf(w, "\nthis is the node's word at height %d; to have it proven: --trusted-genesis FILE or "+
		"--light, two --node\n", p.Height)
}

// share shows parts per million as a percentage with two digits, rounded down.
func share(ppm uint64) string {
	hundredths := ppm / (economics.PPM / 10_000)
	return fmt.Sprintf("%d.%02d%%", hundredths/100, hundredths%100)
}
