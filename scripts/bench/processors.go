package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// ticksPerSecond is Linux's USER_HZ.
const ticksPerSecond = 100

// usage is whose the processors were up to a moment.
type usage struct {
	at          time.Time
	nodes, load time.Duration
	executors   time.Duration
	machine     time.Duration // all processes, and what the host took away
}

func (n *net) usage() (usage, error) {
	pids, err := n.pids()
	if err != nil {
		return usage{}, err
	}
	u := usage{at: time.Now(), load: processTime()}
	if u.nodes, err = used(pids); err != nil {
		return usage{}, err
	}
	if u.executors, err = used(n.executors); err != nil {
		return usage{}, err
	}
	raw, err := os.ReadFile("/proc/stat")
	if err != nil {
		return usage{}, err
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	fields := strings.Fields(first)
	// proc(5): user, nice, system, idle, iowait, irq, softirq, steal.
	u.machine = ticks(append(fields[1:4:4], fields[6:9]...)...)
	return u, nil
}

// used is the processor time of processes that run.
func used(pids []int) (sum time.Duration, err error) {
	for _, pid := range pids {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, err
		}
		fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
		sum += ticks(fields[11], fields[12]) // utime and stime: proc(5), counted after the name
	}
	return sum, nil
}

func ticks(fields ...string) time.Duration {
	var sum int
	for _, field := range fields {
		n, _ := strconv.Atoi(field) // the kernel writes numbers
		sum += n
	}
	return time.Duration(sum) * time.Second / ticksPerSecond
}

// shares says whose the processors were since before, in parts of all of them.
func (u usage) shares(before usage) string {
	whole := float64(u.at.Sub(before.at)) * float64(runtime.NumCPU()) / 100
	nodes, load := float64(u.nodes-before.nodes), float64(u.load-before.load)
	executors := float64(u.executors - before.executors)
	others := max(0, float64(u.machine-before.machine)-nodes-load-executors)
	text := fmt.Sprintf("processors: nodes %.0f%%, load %.0f%%, ", nodes/whole, load/whole)
	if u.executors > 0 {
		text += fmt.Sprintf("executors %.0f%%, ", executors/whole)
	}
	return text + fmt.Sprintf("others %.0f%%", others/whole)
}

// memory is what the largest node holds, in MB.
func (n *net) memory() (float64, error) {
	pids, err := n.pids()
	var most float64
	for _, pid := range pids {
		raw, readErr := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		if readErr != nil {
			return 0, readErr
		}
		pages, _ := strconv.Atoi(strings.Fields(string(raw))[1])
		most = max(most, float64(pages*os.Getpagesize())/(1<<20))
	}
	return most, err
}
