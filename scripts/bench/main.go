// Command bench measures the chain: the application by itself, phase by phase, its start and its proofs, and
// whole nodes, each beside the bare signature verification and CometBFT's kvstore in the same run, since
// machines differ and are shared. It writes JSON lines and prints a table.
//
//	bench [-application=false] [-million=false] [-nodes=false] [-o2=false] [-stake=false] [-render]
//
// What it says of O2, from authorised to executed, and of stake goes into files of their own.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"syscall"
	"time"
)

func main() {
	binary := flag.String("binary", "build/mprd", "the program")
	example := flag.String("example", "examples/model-fleet", "genesis, policy and keys")
	out := flag.String("out", "docs/bench/results.jsonl", "where the JSON lines go")
	to := flag.String("tables", "docs/bench/tables.md", "where the tables go")
	from := flag.Bool("render", false, "only make the tables from the JSON lines that are there")
	commit := flag.String("commit", "", "what is measured, for the first line")
	application := flag.Bool("application", true, "measure the application by itself")
	million := flag.Bool("million", true, "also at one million live nonces and records")
	nodes := flag.Bool("nodes", true, "measure whole nodes")
	kvnode := flag.String("kvnode", "", "run CometBFT's kvstore in this home (the bench starts itself so)")
	o2 := flag.Bool("o2", true, "measure O2: executors, failover, the watchdog")
	o2Out := flag.String("o2-out", "docs/bench/execution.jsonl", "where the JSON lines of O2 go")
	o2To := flag.String("o2-tables", "docs/bench/execution.md", "where the tables of O2 go")
	stake := flag.Bool("stake", true, "measure stake: epochs, validators, cases")
	stakeOut := flag.String("stake-out", "docs/bench/stake.jsonl", "where the JSON lines of stake go")
	stakeTo := flag.String("stake-tables", "docs/bench/stake.md", "where the tables of stake go")
	flag.Parse()
	if *kvnode != "" {
		exit(runKVNode(*kvnode))
		return
	}
	if *from {
		exit(errors.Join(tables(*out, *to), tables(*o2Out, *o2To), tables(*stakeOut, *stakeTo)))
		return
	}
	var err error
	if *application || *nodes {
		r := newReport(*commit, mix)
		if *application {
			err = runApplication(r, *example, *million)
		}
		if err == nil && *nodes {
			err = runNodes(r, *binary, *example)
		}
		err = r.finish(err, *out, *to)
	}
	if err == nil && *o2 {
		r := newReport(*commit, o2Mix)
		err = runWatchdog(r, *example)
		if err == nil {
			err = runExecution(r, *binary, *example)
		}
		err = r.finish(err, *o2Out, *o2To)
	}
	if err == nil && *stake {
		r := newReport(*commit, stakeMix)
		err = r.finish(runStake(r, *example), *stakeOut, *stakeTo)
	}
	exit(err)
}

// finish prints the figures and, if all could be measured, writes them.
func (r *report) finish(err error, out, to string) error {
	r.table()
	if err == nil {
		err = r.write(out)
	}
	if err == nil {
		err = tables(out, to)
	}
	return err
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// cost is what n actions took, in time of all processors and by the clock on the wall.
type cost struct {
	cpu, wall time.Duration
	n         int
}

// of adds what do takes for n actions.
func (c *cost) of(n int, do func() error) error {
	cpu, wall := processTime(), time.Now()
	err := do()
	c.cpu += processTime() - cpu
	c.wall += time.Since(wall)
	c.n += n
	return err
}

// micros are the µs of processor time for each action; 0 if there was none.
func (c *cost) micros() float64 { return perAction(c.cpu, c.n) }

// processTime is the processor time that this process has used, user and system.
func processTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it cannot fail for the process itself
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// perAction is a time in µs for each of n actions.
func perAction(d time.Duration, n int) float64 {
	return float64(d.Nanoseconds()) / 1000 / float64(max(n, 1))
}
