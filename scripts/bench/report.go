package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// row is one figure.
type row struct {
	Bench  string  `json:"bench"`
	Metric string  `json:"metric"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit"`
	// Wall is by the clock on the wall what Value is in time of all processors.
	Wall float64 `json:"wall,omitempty"`
	// Floor is Value in units of the signature verification that was measured in between.
	Floor   float64 `json:"ratio_to_floor,omitempty"`
	FloorIs string  `json:"floor,omitempty"`
	Note    string  `json:"note,omitempty"`
}

const cpuUnit = "µs CPU/action"

// report gathers rows in their order.
type report struct {
	commit string
	began  time.Time
	load   string // of the machine when the bench began
	mix    string // what was sent
	rows   []row
	verify float64 // µs of one signature verification, as last measured
}

func newReport(commit, mix string) *report {
	return &report{commit: commit, mix: mix, began: time.Now(), load: loadAverage()}
}

// loadAverage is how many processes ran or waited in the last minute.
func loadAverage() string {
	raw, err := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(raw), " ")
	if err != nil {
		return "unknown"
	}
	return first
}

func (r *report) push(one row) {
	if strings.HasPrefix(one.Unit, "µs CPU") && r.verify > 0 {
		one.Floor, one.FloorIs = one.Value/r.verify, "one signature verification"
	}
	r.rows = append(r.rows, one)
	fmt.Fprintf(os.Stderr, "%4.0f s  %-34s %-46s %10.2f %s %s\n", time.Since(r.began).Seconds(), one.Bench,
		one.Metric, one.Value, one.Unit, one.Note)
}

func (r *report) add(bench, metric string, value float64, unit string) {
	r.push(row{Bench: bench, Metric: metric, Value: value, Unit: unit})
}

// cost adds a cost by action, beside its wall time.
func (r *report) cost(bench, metric string, c cost) {
	r.push(row{Bench: bench, Metric: metric, Value: c.micros(), Unit: cpuUnit, Wall: perAction(c.wall, c.n)})
}

func (r *report) write(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(f)
	encoder.SetEscapeHTML(false)
	machine := map[string]any{
		"machine": runtime.GOARCH, "cores": runtime.NumCPU(), "go": runtime.Version(), "commit": r.commit,
		"date": r.began.UTC().Format(time.DateOnly), "seconds": int(time.Since(r.began).Seconds()),
		"load_before": r.load, "mix": r.mix,
	}
	if err := encoder.Encode(machine); err != nil {
		return err
	}
	for _, one := range r.rows {
		if err := encoder.Encode(one); err != nil {
			return err
		}
	}
	return f.Close()
}

// o2Mix is what is sent to measure O2.
const o2Mix = "Scale by agents on targets with executors, one action at a time on each; three executors of " +
	"three entities, a webhook that answers at once"

// mix is what load makes, in words.
const mix = "of ten: 6 allowed requests (1 in 18 waits for 3 people), 1 denied, 1 approval (1 in 3 " +
	"completes the count), 2 transfers; 1.1 signatures a tx"

func (r *report) table() {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "bench\tmetric\tvalue\twall\tunit\tx floor\tnote\t")
	for _, one := range r.rows {
		fmt.Fprintf(w, "%s\t%s\t%.2f\t%s\t%s\t%s\t%s\t\n", one.Bench, one.Metric, one.Value, some(one.Wall),
			one.Unit, some(one.Floor), one.Note)
	}
	w.Flush()
}

// some is a figure, or nothing if there is none.
func some(value float64) string {
	if value == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", value)
}
