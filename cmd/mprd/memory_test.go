package main

import (
	"math"
	"testing"
	"testing/fstest"
)

// TestTheMemoryOfAProcessIsTheLeastThatBoundsIt: the machine's, its group's, or that of a group around it.
func TestTheMemoryOfAProcessIsTheLeastThatBoundsIt(t *testing.T) {
	const (
		machine = "proc/meminfo"
		self    = "proc/self/cgroup"
		top     = "sys/fs/cgroup/memory.max"
		slice   = "sys/fs/cgroup/system.slice/memory.max"
		unit    = "sys/fs/cgroup/system.slice/mprd.service/memory.max"
		total   = "MemTotal:        2048 kB\nMemFree:          100 kB\n"
		group   = "0::/system.slice/mprd.service\n"
	)
	for name, c := range map[string]struct {
		files map[string]string
		want  uint64
	}{
		"nothing is known":       {nil, 0},
		"no groups":              {map[string]string{machine: total}, 2 << 20},
		"no limits":              {map[string]string{machine: total, self: group, unit: "max\n"}, 2 << 20},
		"its own group":          {map[string]string{machine: total, self: group, unit: "1048576\n"}, 1 << 20},
		"the group around it":    {map[string]string{machine: total, self: group, unit: "max", slice: "4096"}, 4096},
		"a container's group":    {map[string]string{machine: total, self: "0::/\n", top: "8192\n"}, 8192},
		"more than there is":     {map[string]string{machine: total, top: "99999999999\n"}, 2 << 20},
		"a path out of the tree": {map[string]string{machine: total, self: "0::/../../etc\n", top: "8192"}, 8192},
		"a group alone":          {map[string]string{top: "8192\n"}, 8192},
		"other units":            {map[string]string{machine: "MemTotal: 5 MB\n"}, 0},
		"no number":              {map[string]string{machine: "MemTotal: -1 kB\n", top: "-1"}, 0},
	} {
		root := fstest.MapFS{}
		for path, text := range c.files {
			root[path] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := memoryBytes(root); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestTheSoftLimitLeavesAQuarter(t *testing.T) {
	for memory, want := range map[uint64]int64{0: 0, 4 << 30: 3 << 30, math.MaxUint64: math.MaxInt64} {
		if got := softLimit(memory); got != want {
			t.Errorf("of %d: %d, want %d", memory, got, want)
		}
	}
}
