package main

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"mprd/client"
	"mprd/state"
	"mprd/tx"
)

func caseCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "case", Short: "Report infractions, dispute and decide cases, show them", GroupID: groupUse,
		Long: `A case is one infraction that costs stake. Class A proves itself (two signed receipts of one
attempt, two signed txs under one nonce); class B the chain found itself; class C is argued from
audit records, and bonded. What happens when, and by default: mprd case show.`,
	}
	cmd.AddCommand(proposeCommand(), commitReportCommand(), disputeCommand(), resolveCommand(),
		cancelCaseCommand(), claimCommand(), caseListCommand(), caseShowCommand())
	return cmd
}

// caseNumber reads the number of a case.
func caseNumber(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return 0, usageError{fmt.Errorf("%q is no case: they are numbered from 1", text)}
	}
	return n, nil
}

// argument is what an accusation or a dispute says, and the records that it rests on.
type argument struct {
	records   []string
	statement string
	bondMax   string
}

func (a *argument) add(cmd *cobra.Command, bond string) {
	flags := cmd.Flags()
	flags.StringSliceVar(&a.records, "record", nil,
		"index of an audit record that shows it; repeat for more, at most 8")
	flags.StringVar(&a.statement, "statement", "", "what the records show, in words: at most 1024 bytes")
	flags.StringVar(&a.bondMax, "bond-max", "", "most tokens to put up (default: "+bond+")")
}

// indexes reads --record.
func (a *argument) indexes() ([]uint64, error) {
	var list []uint64
	for _, text := range a.records {
		index, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return nil, usageError{fmt.Errorf("--record: %q is no index of a record", text)}
		}
		list = append(list, index)
	}
	return list, nil
}

// bond is --bond-max, or what was worked out.
func (a *argument) bond(worked uint64) (uint64, error) {
	if a.bondMax == "" {
		return worked, nil
	}
	units, err := parseTokens(a.bondMax)
	if err != nil {
		return 0, usageError{fmt.Errorf("--bond-max: %w", err)}
	}
	return units, nil
}

func disputeCommand() *cobra.Command {
	var flags txFlags
	var a argument
	cmd := &cobra.Command{
		Use:   "dispute CASE",
		Short: "Contest a case as the accused, or add evidence to a disputed one as either side",
		Long: `The accused's first dispute is bonded and hands the case to the resolvers: the governors as
they were when it was opened, less who is linked to either side. Evidence in the last hours of their
time (the parameter extension_ms) makes it longer, once for each side.`,
		Example: "  mprd case dispute 7 --record 4711 --statement 'the receipt in 4711 came first' --from runner-1",
		Args:    args(1, 1),
		RunE: withSession(&flags, func(s *session, args []string) error {
			number, err := caseNumber(args[0])
			if err != nil {
				return err
			}
			m, err := s.dispute(number, &a)
			if err != nil {
				return err
			}
			return s.submit(&tx.Body{Message: &tx.Body_Dispute{Dispute: m}})
		}),
	}
	flags.add(cmd)
	a.add(cmd, "the bond")
	return cmd
}

// dispute makes the message, and says what it puts up.
func (s *session) dispute(number uint64, a *argument) (*tx.Dispute, error) {
	signer, err := s.signer()
	if err != nil {
		return nil, err
	}
	indexes, err := a.indexes()
	if err != nil {
		return nil, err
	}
	if len(indexes) == 0 && a.statement == "" {
		return nil, usageError{errors.New("say something: --record or --statement")}
	}
	v, err := s.client.View(s.ctx())
	if err != nil {
		return nil, err
	}
	c, err := v.Case(s.ctx(), number)
	if err != nil {
		return nil, err
	}
	m := &tx.Dispute{Case: number}
	if m.Exhibit, err = v.Exhibit(s.ctx(), indexes, a.statement); err != nil {
		return nil, err
	}
	row := caseRowOf(v, c)
	say(s.cmd, "case %s", row.line())
	switch open := c.State == state.CaseState_CASE_STATE_OPEN; {
	case !open:
		say(s.cmd, "this adds evidence and costs no bond")
		return m, nil
	case tx.AddressFrom(c.Accused) != signer:
		return nil, s.foreseen(tx.CodeCaseState, "case %d is open: the accused alone can contest it", number)
	}
	bond, err := v.DisputeBond(c)
	if err != nil {
		return nil, err
	}
	if m.BondMax, err = a.bond(bond); err != nil {
		return nil, err
	}
	say(s.cmd, "the bond is %s tokens; it is lost if the resolvers confirm the case, and comes back otherwise",
		tokens(bond))
	return m, nil
}

func resolveCommand() *cobra.Command {
	var flags txFlags
	verdicts := map[string]tx.Verdict{
		"confirm": tx.Verdict_VERDICT_APPROVE, "reject": tx.Verdict_VERDICT_REJECT,
	}
	cmd := &cobra.Command{
		Use:     "resolve CASE confirm|reject",
		Short:   "Give a resolver's verdict on a disputed case; the first is final",
		Example: "  mprd case show 7\n  mprd case resolve 7 reject --from governor-2", Args: args(2, 2),
		RunE: withSession(&flags, func(s *session, args []string) error {
			number, err := caseNumber(args[0])
			if err != nil {
				return err
			}
			verdict, ok := verdicts[args[1]]
			if !ok {
				return usageError{fmt.Errorf("%q, want confirm or reject", args[1])}
			}
			if err := s.sayCase(number); err != nil {
				return err
			}
			m := &tx.ResolveSlash{Case: number, Verdict: verdict}
			return s.submit(&tx.Body{Message: &tx.Body_ResolveSlash{ResolveSlash: m}})
		}),
	}
	flags.add(cmd)
	return cmd
}

// sayCase says on stderr what a verdict is about.
func (s *session) sayCase(number uint64) error {
	v, err := s.client.View(s.ctx())
	if err != nil {
		return err
	}
	c, err := v.Case(s.ctx(), number)
	if err != nil {
		return err
	}
	row := caseRowOf(v, c)
	say(s.cmd, "case %s", row.line())
	return nil
}

func cancelCaseCommand() *cobra.Command {
	var flags txFlags
	var reason string
	cmd := &cobra.Command{
		Use: "cancel CASE", Short: "Vote, as a guardian, to end a case as if it had never been",
		Long: `The remedy against a fault of the program: suspension, tombstone and holds are undone, and
the bonds come back. Possible until the slash is executed.`,
		Example: "  mprd case cancel 7 --reason 'faulty verdict, see incident 12' --from guardian-1",
		Args:    args(1, 1),
		RunE: withSession(&flags, func(s *session, args []string) error {
			number, err := caseNumber(args[0])
			if err != nil {
				return err
			}
			if reason == "" {
				return usageError{errors.New("say why: --reason")}
			}
			if err := s.sayCase(number); err != nil {
				return err
			}
			m := &tx.CancelSlash{Case: number, Reason: reason}
			return s.submit(&tx.Body{Message: &tx.Body_CancelSlash{CancelSlash: m}})
		}),
	}
	flags.add(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the log")
	return cmd
}

func claimCommand() *cobra.Command {
	var flags txFlags
	cmd := &cobra.Command{
		Use: "claim CASE", Short: "Take the reporter's share of an executed slash, before the case is closed",
		Example: "  mprd case claim 7 --from watcher-1", Args: args(1, 1),
		RunE: withSession(&flags, func(s *session, args []string) error {
			number, err := caseNumber(args[0])
			if err != nil {
				return err
			}
			if err := s.sayCase(number); err != nil {
				return err
			}
			m := &tx.ClaimReward{Case: number}
			return s.submit(&tx.Body{Message: &tx.Body_ClaimReward{ClaimReward: m}})
		}),
	}
	flags.add(cmd)
	return cmd
}

// caseRow is a case in a list.
type caseRow struct {
	Number     uint64           `json:"number"`
	Class      string           `json:"class"` // A, B or C
	Infraction string           `json:"infraction"`
	About      string           `json:"about"`
	Accused    string           `json:"accused"`
	Reporter   string           `json:"reporter,omitempty"` // absent: the chain itself
	State      string           `json:"state"`
	Amount     uint64           `json:"amount"` // at stake, base units
	Due        client.Countdown `json:"due"`    // when it moves by itself, or is closed

	over bool // nothing is decided any more
}

func caseRowOf(v *client.View, c client.NumberedCase) caseRow {
	row := caseRow{
		Number: c.Number, Class: c.ClassName()[:1], Infraction: c.Infraction.Name(), About: c.Subject(),
		Accused: tx.AddressFrom(c.Accused).String(), State: c.StateName(), Amount: c.Amount, Due: v.Until(c.DueMs),
		over: c.Over(),
	}
	if len(c.Reporter) > 0 {
		row.Reporter = tx.AddressFrom(c.Reporter).String()
	}
	return row
}

func (r *caseRow) line() string {
	moves := "moves"
	if r.over {
		moves = "closed"
	}
	return fmt.Sprintf("%d  %s %s of %s, %s: %s, %s tokens; %s %s", r.Number, r.Class, r.Infraction,
		r.Accused, r.About, r.State, tokens(r.Amount), moves, r.Due)
}
