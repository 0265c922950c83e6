package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"mprd/client"
	"mprd/tx"
)

// showCommand tells an action's story from its records, and from its row while it is in flight.
func showCommand() *cobra.Command {
	var light lightFlags
	cmd := &cobra.Command{
		Use:   "show ACTION",
		Short: "Tell an action's whole story: who asked, approved, was assigned, what was done and when",
		Long: `A timeline of all that the log says of the action. Each line has the block's time (T), what the
chain clock (C) says from the assignment on, which is t0 (without one: from the first record on), and the
record in the log; lines without a record follow from the others.

It is the node's word, unless --light or one of the --trusted flags is given: then each record is proven to
stand in the log, and the present rows are proven. That a node names all records of an action is not proven;
one that another cites and that is not named is pointed out. One record in full: mprd audit get INDEX.`,
		Example: "  mprd action show ID\n" +
			"  mprd action show ID --trusted-genesis genesis.json --node http://a:26657 --node http://b:26657",
		Args: args(1, 1),
		RunE: withSession(nil, func(s *session, args []string) error {
			id, err := actionID(args[0])
			if err != nil {
				return err
			}
			story, err := s.story(id, &light)
			if err != nil {
				return err
			}
			return s.options.print(s.cmd, "story", story, func(w io.Writer) { writeStory(w, story) })
		}),
	}
	light.add(cmd)
	light.addSwitch(cmd)
	return cmd
}

// story reads an action's story, proven if the flags say what is trusted.
func (s *session) story(id tx.Digest, flags *lightFlags) (story *client.Story, err error) {
	if !flags.given() {
		return s.client.Story(s.ctx(), id)
	}
	light, err := flags.open(s)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, light.Close()) }()
	return light.Story(s.ctx(), id)
}

func writeStory(w io.Writer, s *client.Story) {
	fmt.Fprintf(w, "%s on %s: %s\n", orDash(s.What), orDash(s.Target), s.State)
	fmt.Fprintf(w, "action    %s\n", s.ID)
	if s.By != nil {
		fmt.Fprintf(w, "asked by  %s (%s of %s)\n", s.By.Address, orDash(s.By.Class), orDash(s.By.Entity))
	}
	if s.Reason != "" {
		fmt.Fprintf(w, "reason    %q\n", s.Reason)
	}
	if s.Ending != "" {
		fmt.Fprintf(w, "ended     %s\n", s.Ending)
	}
	if s.Result != "" {
		fmt.Fprintf(w, "read back %s\n", s.Result)
	}
	fmt.Fprintf(w, "\n%-23s  %11s  %8s\n", "block time T", "C from t0", "record")
	for i := range s.Moments {
		writeMoment(w, &s.Moments[i])
	}
	fmt.Fprintln(w)
	for _, index := range s.Missing {
		fmt.Fprintf(w, "MISSING: record %d is cited, and the node did not name it\n", index)
	}
	if s.Proven != nil {
		fmt.Fprintf(w, "proven: each record stands in the log of %d records, as of height %d\n", s.Proven.Records,
			s.Proven.Height)
		return
	}
	fmt.Fprintln(w, "this is the node's word; to have it proven: --trusted-genesis FILE or --light, two --node")
}

// writeMoment is a line of the timeline, and what belongs to it.
func writeMoment(w io.Writer, m *client.Moment) {
	at, record := "", ""
	if m.TimeMs > 0 {
		at = clockText(m.TimeMs)
	}
	if m.Record != nil {
		record = fmt.Sprintf("#%d", *m.Record)
	}
	if len(m.Says) == 0 {
		return
	}
	fmt.Fprintf(w, "%-23s  %11s  %8s  %s\n", at, client.OffsetText(m.OffsetMs), record, m.Says[0])
	for _, line := range m.Says[1:] {
		fmt.Fprintf(w, "%46s  %s\n", "", line)
	}
}

// clockText shows Unix milliseconds in UTC.
func clockText(ms uint64) string {
	return time.UnixMilli(int64(min(ms, 1<<53))).UTC().Format("2006-01-02 15:04:05.000")
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func waitCommand() *cobra.Command {
	until := waitExecuted
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "wait ACTION",
		Short: "Wait for an action's outcome, from any machine, by its id",
		Long: `Returns when the action's outcome is in the log, or when it ended before it was promised to anybody
(denied, rejected, cancelled, expired, or on a target without executors). With --until ended it also waits
until nothing is open any more: attestations are in, fees are settled. A node that is restarted meanwhile is
waited for; when the time is over, the same command goes on.

Exit codes: 0 done, 3 denied or rejected, 4 not over yet, 5 expired, 6 cancelled or not executable.`,
		Example: "  mprd action wait ID\n  mprd action wait ID --until ended --timeout 1h",
		Args:    args(1, 1),
		RunE: withSession(nil, func(s *session, args []string) error {
			id, err := actionID(args[0])
			if err != nil {
				return err
			}
			milestone := client.Executed
			switch until {
			case "ended":
				milestone = client.Ended
			case waitExecuted:
			default:
				return usageError{fmt.Errorf("--until is %q, want executed or ended", until)}
			}
			ctx, cancel := context.WithTimeout(s.ctx(), timeout)
			defer cancel()
			return s.awaitAction(ctx, id, milestone)
		}),
	}
	cmd.Flags().StringVar(&until, "until", until, "executed, or ended")
	cmd.Flags().DurationVar(&timeout, "timeout", 2*time.Minute, "how long to wait")
	return cmd
}

// endingView is how far an action has come, as it is printed.
type endingView struct {
	Action string `json:"action"`
	State  string `json:"state"`
	Over   bool   `json:"over"`
	Ending string `json:"ending,omitempty"`
	Result string `json:"result,omitempty"` // what was read back
}

// awaitAction waits for an action until ctx ends, and prints how far it has come.
func (s *session) awaitAction(ctx context.Context, id tx.Digest, m client.Milestone) error {
	story, err := s.client.Await(ctx, id, m)
	if err != nil && !errors.Is(err, client.ErrNotOver) {
		return err
	}
	view := endingView{story.ID, story.State, story.Over, story.Ending, story.Result}
	printed := s.options.print(s.cmd, "ending", view, func(w io.Writer) {
		text := view.Ending
		if text == "" {
			text = view.State
		}
		fmt.Fprintf(w, "%s\n  action %s\n", text, view.Action)
		if view.Result != "" {
			fmt.Fprintf(w, "  read back %s\n", view.Result)
		}
	})
	if printed != nil {
		return printed
	}
	if err != nil {
		say(s.cmd, "mprd: not over yet\n  what to do: ask again with: mprd action wait %s", view.Action)
		return silent(exitPending)
	}
	if code := endingCode(story); code != exitOK {
		return silent(code)
	}
	return nil
}

// endingCode is the exit code of how an action ended.
func endingCode(s *client.Story) int {
	switch s.State {
	case "DONE", "AUTHORIZED":
		return exitOK
	case "DENIED", "REJECTED":
		return exitDenied
	case "EXPIRED":
		return exitExpired
	}
	return exitFailed
}
