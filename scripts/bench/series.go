package main

import (
	"fmt"
	"runtime"
	"slices"
	"time"
)

// series are blocks of one kind, each measured by itself after a collection.
type series struct {
	label  string
	blocks []phases
}

// measure decides and commits a block and counts it.
func (s *seats) measure(to *series, txs [][]byte) error {
	runtime.GC()
	p := phases{}
	err := s.step(txs, &p)
	to.blocks = append(to.blocks, p)
	return err
}

// times measures so many blocks without txs.
func (s *seats) times(to *series, blocks int) error {
	for range blocks {
		if err := s.measure(to, nil); err != nil {
			return err
		}
	}
	return nil
}

// part names a part of a block's work, and what it took.
type part struct {
	bench string
	of    func(p *phases) cost
}

var parts = []part{
	{"execution", func(p *phases) cost { return p.process }},
	{"staging", func(p *phases) cost { return p.finalize }},
	{"commit", func(p *phases) cost { return p.commit }},
	{"together", (*phases).together},
}

// together is all that a block took.
func (p *phases) together() cost {
	return cost{cpu: p.process.cpu + p.finalize.cpu + p.commit.cpu,
		wall: p.process.wall + p.finalize.wall + p.commit.wall, n: p.process.n}
}

const benchWorst = "the worst"

// series adds the median of each part, and the worst block.
func (r *report) series(s *series) {
	label := fmt.Sprintf("%s (median of %d)", s.label, len(s.blocks))
	if len(s.blocks) == 1 {
		label = s.label
	}
	for _, part := range parts {
		var cpu, wall []time.Duration
		for i := range s.blocks {
			c := part.of(&s.blocks[i])
			cpu, wall = append(cpu, c.cpu), append(wall, c.wall)
		}
		slices.Sort(cpu)
		slices.Sort(wall)
		r.blockRow(part.bench, label, cpu[len(cpu)/2], wall[len(wall)/2])
		if part.bench == "together" {
			r.blockRow(benchWorst, label, cpu[len(cpu)-1], wall[len(wall)-1])
		}
	}
}

// blockRow adds what a part of a block took, also in verifications.
func (r *report) blockRow(bench, label string, cpu, wall time.Duration) {
	one := row{Bench: bench, Metric: label, Value: milliseconds(cpu), Unit: "ms CPU/block",
		Wall: milliseconds(wall)}
	if r.verify > 0 {
		one.Floor, one.FloorIs = one.Value*1000/r.verify, "one signature verification"
	}
	r.push(one)
}
