package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"mprd/audit"
	"mprd/client"
	"mprd/policy"
	"mprd/state"
)

// whatif is a running mprd policy whatif.
type whatif struct {
	cmd      *cobra.Command
	options  options
	heights  client.Heights
	log      string   // folder of an export; "" = ask the nodes
	recorded []string // folders of bundles that decisions were recorded under
	light    lightFlags
	trusted  trustFlags
}

func policyWhatifCommand() *cobra.Command {
	w := &whatif{}
	cmd := &cobra.Command{
		Use:   "whatif BUNDLE",
		Short: "Decide the log's recorded requests again under another bundle; list every decision that flips",
		Long: `BUNDLE is a folder, the hash of a bundle that the chain has, or "active". Nothing is sent to the
chain. Each decision is taken by itself, from the inputs that its record holds: what an earlier flip would
have led to is not worked out, and the other gates are not asked again. Each is first decided under the bundle
that its record names, if that is at hand: another verdict than the recorded one is a fault of the chain, exit
code 7. Else the exit code is 6 if anything flips, and 0 if nothing does.

It is the nodes' word, unless you say what you trust: --trusted-genesis, or --trusted-height and
--trusted-hash, later --light, with two --node. With --log no node is asked: the folder is one of mprd audit
export, and is verified if you say what you trust (--genesis, --validators-hash or --header-hash).`,
		Example: "  mprd policy whatif ./policy-next --from-height 120000\n" +
			"  mprd policy whatif ./policy-next --log ./audit-log --genesis genesis.json --recorded ./policy",
		Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			w.cmd = cmd
			if w.options, err = optionsOf(cmd); err != nil {
				return err
			}
			return w.run(args[0])
		},
	}
	flags := cmd.Flags()
	flags.Uint64Var(&w.heights.From, "from-height", 0, "first height whose decisions are replayed")
	flags.Uint64Var(&w.heights.To, "to-height", 0, "last one (default: the newest)")
	flags.StringVar(&w.log, "log", "", "folder of mprd audit export to replay, without a node")
	flags.StringArrayVar(&w.recorded, "recorded", nil,
		"folder of a bundle that decisions were taken under, if no node is asked for it; repeat for more")
	w.light.add(cmd)
	w.light.addSwitch(cmd)
	w.trusted.add(cmd)
	return cmd
}

// check refuses flags that do not go together.
func (w *whatif) check() error {
	offline := w.log != ""
	switch {
	case w.heights.To > 0 && w.heights.From > w.heights.To:
		return usageError{fmt.Errorf("--from-height %d is above --to-height %d", w.heights.From, w.heights.To)}
	case offline && w.light.given():
		return usageError{errors.New("with --log say what you trust with --genesis, --validators-hash or " +
			"--header-hash")}
	case !offline && w.trusted != trustFlags{}:
		return usageError{errors.New("without --log say what you trust with --trusted-genesis, or " +
			"--trusted-height and --trusted-hash")}
	}
	return nil
}

// whatifLog is where records come from.
type whatifLog struct {
	walk   func(context.Context, *client.Walk) (*client.Proven, error) // nil: nothing is proven
	find   client.FindBundle                                           // a recorded bundle
	bundle *bundles                                                    // the one that is asked what if
	close  func() error
}

func (w *whatif) run(name string) (err error) {
	if err := w.check(); err != nil {
		return err
	}
	open := w.online
	if w.log != "" {
		open = w.offline
	}
	log, err := open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.close()) }()
	bundle, err := log.bundle.named(w.cmd.Context(), name)
	if err != nil {
		return err
	}
	find, err := w.findRecorded(log.find)
	if err != nil {
		return err
	}
	out := newWhatifReport(w.cmd.OutOrStdout(), w.options.Output == "json")
	replay := client.NewWhatif(bundle, find, out.flip)
	take := func(r *audit.Record) error { return replay.Take(w.cmd.Context(), r) }
	walk := &client.Walk{Heights: w.heights, Visit: take, Progress: w.progress()}
	proven, err := log.walk(w.cmd.Context(), walk)
	if err != nil && w.cmd.Context().Err() != nil {
		err = fmt.Errorf("interrupted: %w", w.cmd.Context().Err())
	}
	tally := replay.Tally()
	if endErr := out.end(tally, proven, err); endErr != nil || err != nil {
		return errors.Join(err, endErr)
	}
	switch {
	case tally.Faults > 0:
		say(w.cmd, "mprd: %d records are not what an honest chain writes\n  what to do: keep this output and an "+
			"export of the log; tell the validators and the auditors", tally.Faults)
		return silent(exitBadProof)
	case tally.Flips > 0:
		return silent(exitFailed)
	}
	return nil
}

// progress says every tenth of what takes more than a page.
func (w *whatif) progress() func(done, of uint64) {
	last := uint64(0)
	return func(done, of uint64) {
		if tenth := done * 10 / max(of, 1); tenth != last && done < of {
			last = tenth
			say(w.cmd, "%d of %d records", done, of)
		}
	}
}

// findRecorded looks among the bundles of --recorded first.
func (w *whatif) findRecorded(next client.FindBundle) (client.FindBundle, error) {
	held := map[[32]byte]policy.Bundle{}
	for _, dir := range w.recorded {
		bundle, compiled, err := compileDir(dir)
		if err != nil {
			return nil, err
		}
		held[compiled.Hash()] = bundle
	}
	return func(ctx context.Context, hash []byte) (policy.Bundle, error) {
		if len(hash) == 32 {
			if bundle, there := held[[32]byte(hash)]; there {
				return bundle, nil
			}
		}
		return next(ctx, hash)
	}, nil
}

// online replays the nodes' log.
func (w *whatif) online() (*whatifLog, error) {
	s, err := newSession(w.cmd, nil)
	if err != nil {
		return nil, err
	}
	w.options = s.options
	log := &whatifLog{
		find: s.client.FindBundle, bundle: &bundles{dial: func() (*client.Client, error) { return s.client, nil }},
		close: func() error { return nil },
	}
	if !w.light.given() {
		log.walk = func(ctx context.Context, walk *client.Walk) (*client.Proven, error) {
			say(w.cmd, "these records are the node's word: nothing of them is proven")
			return nil, s.client.Walk(ctx, walk)
		}
		return log, nil
	}
	light, err := w.light.open(s)
	if err != nil {
		return nil, err
	}
	log.close = light.Close
	log.bundle.active = func(ctx context.Context) ([]byte, error) { return provenActive(ctx, light) }
	log.walk = func(ctx context.Context, walk *client.Walk) (*client.Proven, error) {
		said := map[string]bool{}
		proven, err := light.Walk(ctx, walk, func(node string, err error) {
			if err != nil && ctx.Err() == nil && !said[node] {
				said[node] = true
				say(w.cmd, "%s is passed over: %s", node, describe(err))
			}
		})
		return proven, witnessRemedy(err)
	}
	return log, nil
}

// provenActive is the hash of the bundle that is active as of the newest head.
func provenActive(ctx context.Context, light *client.Light) ([]byte, error) {
	head, err := light.Head(ctx)
	if err != nil {
		return nil, err
	}
	row := &state.ActivePolicy{}
	if _, err := light.RowOf(ctx, head, "active_policy", nil, row); err != nil {
		return nil, err
	}
	return row.Hash, nil
}

// offline replays an exported log.
func (w *whatif) offline() (*whatifLog, error) {
	var trust client.Trust
	verify := w.trusted != trustFlags{}
	if verify {
		var err error
		if trust, err = w.trusted.trust(w.options); err != nil {
			return nil, err
		}
	}
	export, err := client.OpenExport(w.log)
	if err != nil {
		return nil, err
	}
	walk := func(ctx context.Context, walk *client.Walk) (*client.Proven, error) {
		if !verify {
			say(w.cmd, "nothing of %s is verified: say what you trust, with --genesis FILE", w.log)
			return nil, export.Walk(ctx, walk)
		}
		say(w.cmd, "verifying %s", w.log)
		proven, err := verifyUntil(ctx, export, trust)
		if err != nil {
			return nil, err
		}
		return proven, export.Walk(ctx, walk)
	}
	find := func(context.Context, []byte) (policy.Bundle, error) { return policy.Bundle{}, client.ErrNotFound }
	return &whatifLog{walk: walk, find: find, bundle: &bundles{dial: func() (*client.Client, error) {
		return nil, usageError{fmt.Errorf("with --log no node is asked: name a bundle's folder")}
	}}, close: export.Close}, nil
}

// verifyUntil verifies an export, which reads all of it, until interrupted. What is interrupted ends with the
// process, or when the export is closed.
func verifyUntil(ctx context.Context, export *client.Exported, trust client.Trust) (*client.Proven, error) {
	type verified struct {
		proven *client.Proven
		err    error
	}
	done := make(chan verified, 1)
	go func() {
		proven, err := export.Verify(trust)
		done <- verified{proven, err}
	}()
	select {
	case v := <-done:
		return v.proven, v.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
