package main

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"mprd/client"
	"mprd/tx"
)

// reportFlags say what is reported.
type reportFlags struct {
	txFlags
	argument
	evidence   []string
	infraction string
	action     string
	attempt    uint32 // from 1, as people count
	accused    string
	noCommit   bool
}

func (f *reportFlags) add(cmd *cobra.Command) {
	f.txFlags.add(cmd)
	f.argument.add(cmd, "the bond as it is now")
	flags := cmd.Flags()
	flags.StringSliceVar(&f.evidence, "evidence", nil,
		"file with one of two signed receipts or txs that contradict each other; name two")
	flags.StringVar(&f.infraction, "infraction", "", "accuse of: false_receipt, policy_violation")
	flags.StringVar(&f.action, "action", "", "the action that an accusation is about")
	flags.Uint32Var(&f.attempt, "attempt", 1, "whose receipt is false, from 1")
	flags.StringVar(&f.accused, "accused", "",
		"who broke the rules (default: who brought the receipt, or who asked for the action)")
}

func proposeCommand() *cobra.Command {
	var f reportFlags
	cmd := &cobra.Command{
		Use:   "propose",
		Short: "Report an infraction: evidence that proves itself, or a bonded accusation from audit records",
		Long: `Class A: name two files with --evidence (signed txs, receipts, entries of an executor's
journal, proof files of records), or two records of the log with --record. Nothing is put up. So
that nobody copies the report and comes first, it is committed to in a tx of its own before it is
shown; the salt is kept in HOME/reports, and a report that was cut short goes on from there.
--no-commit shows it at once.

Class C: --infraction, --action and --statement. The records that show it are found by themselves and
those of --record are added; each is proven to stand in the log, and the proofs are verified before
anything is signed. The bond comes back unless the accused disputes it and the resolvers reject it;
undecided, half of it is lost.`,
		Example: "  mprd case propose --evidence one.bin --evidence two.bin --from watcher-1\n" +
			"  mprd case propose --record 4711 --record 4720 --from watcher-1\n" +
			"  mprd case propose --infraction false_receipt --action ID --attempt 1 --statement 'it was not scaled' " +
			"--from bob",
		Args: args(0, 0),
		RunE: withSession(&f.txFlags, func(s *session, _ []string) error { return s.propose(&f) }),
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&f.noCommit, "no-commit", false,
		"show the evidence at once, without a commitment before")
	return cmd
}

func commitReportCommand() *cobra.Command {
	var f reportFlags
	cmd := &cobra.Command{
		Use:   "commit",
		Short: "Only commit to a report, without showing it; mprd case propose goes on from there",
		Long: `The evidence is named as for mprd case propose, with the same flags. The commitment can be
opened from the next block on, within an hour of the chain clock.`,
		Example: "  mprd case commit --evidence one.bin --evidence two.bin --from watcher-1",
		Args:    args(0, 0),
		RunE: withSession(&f.txFlags, func(s *session, _ []string) error {
			if f.infraction != "" {
				return usageError{errors.New("an accusation is bonded and not committed to: mprd case propose")}
			}
			m, v, err := s.reportOf(&f)
			if err != nil {
				return err
			}
			kept, err := s.keepReport(m)
			if err != nil {
				return err
			}
			height, err := v.Committed(s.ctx(), kept.reporter, kept.commitment)
			if err != nil {
				return err
			}
			if height > 0 {
				say(s.cmd, "committed to it at height %d; go on with: mprd case propose", height)
				return nil
			}
			return s.submit(kept.body())
		}),
	}
	f.add(cmd)
	return cmd
}

// reportOf makes the report that the flags name, as of the newest state.
func (s *session) reportOf(f *reportFlags) (*tx.ProposeSlash, *client.View, error) {
	v, err := s.client.View(s.ctx())
	if err != nil {
		return nil, nil, err
	}
	if f.infraction != "" {
		m, err := s.accusation(v, f)
		return m, v, err
	}
	if f.action != "" || f.statement != "" || f.accused != "" {
		return nil, nil, usageError{errors.New("--action, --statement, --accused accuse: name the --infraction")}
	}
	pieces, err := s.pieces(v, f)
	if err != nil {
		return nil, nil, err
	}
	if len(pieces) != 2 {
		return nil, nil, usageError{fmt.Errorf("%d pieces of evidence, want two that contradict each other: "+
			"--evidence FILE or --record INDEX; or accuse: --infraction", len(pieces))}
	}
	chainID, err := s.client.ChainID(s.ctx())
	if err != nil {
		return nil, nil, err
	}
	m, err := client.Equivocation(chainID, pieces[0], pieces[1])
	if err != nil {
		return nil, nil, err
	}
	if receipts := m.GetReceipts(); receipts != nil {
		return m, v, v.Assigned(s.ctx(), receipts)
	}
	return m, v, nil
}

// pieces reads the files and records.
func (s *session) pieces(v *client.View, f *reportFlags) ([]client.Piece, error) {
	var pieces []client.Piece
	for _, path := range f.evidence {
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		piece, err := client.ReadPiece(raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		pieces = append(pieces, piece)
	}
	indexes, err := f.indexes()
	if err != nil {
		return nil, err
	}
	for _, index := range indexes {
		record, err := v.Record(s.ctx(), index)
		if err != nil {
			return nil, err
		}
		piece, err := client.PieceOf(record)
		if err != nil {
			return nil, err
		}
		pieces = append(pieces, piece)
	}
	return pieces, nil
}

// accusation builds an argued report and its exhibit.
func (s *session) accusation(v *client.View, f *reportFlags) (*tx.ProposeSlash, error) {
	if len(f.evidence) > 0 {
		return nil, usageError{errors.New("--evidence proves itself; an accusation brings --record")}
	}
	if f.statement == "" {
		return nil, usageError{errors.New("say what the records show: --statement")}
	}
	action, err := actionID(f.action)
	if err != nil {
		return nil, err
	}
	m := &tx.Accusation{ActionId: action[:]}
	var found *client.Telling
	switch f.infraction {
	case "false_receipt":
		if f.attempt == 0 {
			return nil, usageError{errors.New("--attempt counts from 1")}
		}
		m.Infraction, m.Attempt = tx.Infraction_INFRACTION_FALSE_RECEIPT, f.attempt-1
		found, err = v.ReceiptOf(s.ctx(), action, m.Attempt)
	case "policy_violation":
		m.Infraction = tx.Infraction_INFRACTION_POLICY_VIOLATION
		if f.accused == "" {
			found, err = v.DecisionOf(s.ctx(), action)
			break
		}
		var accused tx.Address
		if accused, err = addressOf(s.options, f.accused); err == nil {
			found, err = v.DeedsOf(s.ctx(), action, accused)
		}
	default:
		return nil, usageError{fmt.Errorf("--infraction is %q, want false_receipt or policy_violation",
			f.infraction)}
	}
	if err != nil {
		return nil, err
	}
	indexes, err := f.indexes()
	if err != nil {
		return nil, err
	}
	if m.Exhibit, err = v.Exhibit(s.ctx(), slices.Concat(found.Records, indexes), f.statement); err != nil {
		return nil, err
	}
	return &tx.ProposeSlash{Accused: found.Accused[:],
		Evidence: &tx.ProposeSlash_Accusation{Accusation: m}}, nil
}

// propose reports: says what it comes to, commits if that is of use, then shows the evidence.
func (s *session) propose(f *reportFlags) error {
	m, v, err := s.reportOf(f)
	if err != nil {
		return err
	}
	stakes, err := v.StakesOf(s.ctx(), m)
	if err != nil {
		return err
	}
	s.sayStakes(m, stakes)
	if m.BondMax, err = f.bond(stakes.Bond); err != nil {
		return err
	}
	switch objective := m.GetAccusation() == nil; {
	case stakes.Claim == 0:
		return s.foreseen(tx.CodeNotAccusable, "the accused has no stake that could be taken: %s",
			tx.AddressFrom(m.Accused))
	case stakes.Executed:
		return s.foreseen(tx.CodeInfractionKnown, "the slash of this infraction was executed: case %d", stakes.Open)
	case !objective && m.BondMax < stakes.Bond:
		return s.foreseen(tx.CodeBondMax, "the bond is %s tokens, --bond-max %s", tokens(stakes.Bond),
			tokens(m.BondMax))
	}
	body := &tx.Body{Message: &tx.Body_ProposeSlash{ProposeSlash: m}}
	objective := m.GetAccusation() == nil
	if objective && !f.noCommit {
		if err := s.commitFirst(v, m); err != nil {
			return err
		}
	}
	return s.submit(body)
}

// sayStakes says on stderr what a report would come to.
func (s *session) sayStakes(m *tx.ProposeSlash, stakes *client.Stakes) {
	say(s.cmd, "accused %s; the claim is at most %s tokens, the reporter's share of it %s",
		tx.AddressFrom(m.Accused), tokens(stakes.Claim), tokens(stakes.Whistle))
	if m.GetAccusation() != nil {
		say(s.cmd, "the bond is %s tokens (%d earlier cases of this infraction were rejected)", tokens(stakes.Bond),
			stakes.Rejected)
	}
	switch {
	case stakes.Executed:
		say(s.cmd, "the slash of this infraction was executed: case %d", stakes.Open)
	case stakes.Open > 0:
		say(s.cmd, "the latest case of this infraction: mprd case show %d", stakes.Open)
	}
}
