// Command bench measures the chain: the application by itself, phase by phase, and whole nodes, each beside
// the bare signature verification and CometBFT's kvstore in the same run, since machines differ and are
// shared. It writes JSON lines and prints a table.
//
//	bench [-binary build/mprd] [-example examples/model-fleet] [-out FILE] [-million=false]
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"text/tabwriter"
	"time"
)

func main() {
	binary := flag.String("binary", "build/mprd", "the program")
	example := flag.String("example", "examples/model-fleet", "genesis, policy and keys")
	out := flag.String("out", "docs/bench/results.jsonl", "where the JSON lines go")
	million := flag.Bool("million", true, "also measure at one million live nonces and records")
	kvnode := flag.String("kvnode", "", "run CometBFT's kvstore in this home (the bench starts itself so)")
	flag.Parse()
	if *kvnode != "" {
		exit(runKVNode(*kvnode))
		return
	}
	r := &report{}
	err := runApplication(r, *example, *million)
	if err == nil {
		err = runNodes(r, *binary, *example)
	}
	if err == nil {
		err = r.write(*out)
	}
	r.table()
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// row is one figure.
type row struct {
	Bench  string  `json:"bench"`
	Metric string  `json:"metric"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit"`
	// Floor is Value in units of the same run's single signature verification, or of the kvstore's figure.
	Floor   float64 `json:"ratio_to_floor,omitempty"`
	FloorIs string  `json:"floor,omitempty"`
}

// report gathers rows in their order.
type report struct {
	rows   []row
	verify float64 // µs of one signature verification
}

func (r *report) add(bench, metric string, value float64, unit string) {
	one := row{Bench: bench, Metric: metric, Value: value, Unit: unit}
	if unit == "µs CPU/action" && r.verify > 0 {
		one.Floor, one.FloorIs = value/r.verify, "one signature verification"
	}
	r.rows = append(r.rows, one)
	fmt.Fprintf(os.Stderr, "%-34s %-34s %10.2f %s\n", bench, metric, value, unit)
}

func (r *report) write(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(f)
	encoder.SetEscapeHTML(false)
	machine := map[string]any{"machine": runtime.GOARCH, "cores": runtime.NumCPU(), "go": runtime.Version(),
		"date": time.Now().UTC().Format("2006-01-02")}
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

func (r *report) table() {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "bench\tmetric\tvalue\tunit\tx floor\t")
	for _, one := range r.rows {
		floor := ""
		if one.Floor > 0 {
			floor = fmt.Sprintf("%.2f", one.Floor)
		}
		fmt.Fprintf(w, "%s\t%s\t%.2f\t%s\t%s\t\n", one.Bench, one.Metric, one.Value, one.Unit, floor)
	}
	w.Flush()
}

// cpu is the processor time that this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it cannot fail for the process itself
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// timed is the processor time of do.
func timed(do func() error) (time.Duration, error) {
	before := cpu()
	err := do()
	return cpu() - before, err
}

// perAction is a time in µs for each of n actions.
func perAction(d time.Duration, n int) float64 { return float64(d.Nanoseconds()) / 1000 / float64(n) }
