package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"mprd/audit"
	"mprd/client"
	"mprd/state"
	"mprd/tx"
)

func caseListCommand() *cobra.Command {
	var light lightFlags
	var open bool
	cmd := &cobra.Command{
		Use: "list", Short: "List the cases that are open or kept, with what comes next and when",
		Long: `A case that is over is kept for the unbonding time, in which its slash can be undone; then
its rows go, and the log alone tells of it.`,
		Example: "  mprd case list --open", Args: args(0, 0),
		RunE: withSession(nil, func(s *session, _ []string) error {
			return s.withView(&light, func(v *client.View) error {
				view := struct {
					provenView
					Cases []caseRow `json:"cases"`
				}{provenOf(v), []caseRow{}}
				err := v.Cases(s.ctx(), func(c client.NumberedCase) error {
					if !open || !c.Over() {
						view.Cases = append(view.Cases, caseRowOf(v, c))
					}
					return nil
				})
				if err != nil {
					return err
				}
				return s.options.print(s.cmd, "cases", view, func(w io.Writer) {
					for i := range view.Cases {
						fmt.Fprintln(w, view.Cases[i].line())
					}
					if len(view.Cases) == 0 {
						fmt.Fprintln(w, "no case is open"+map[bool]string{false: ", or kept"}[open])
					}
					view.provenView.text(w)
				})
			})
		}),
	}
	cmd.Flags().BoolVar(&open, "open", false, "only those that are not over")
	light.add(cmd)
	light.addSwitch(cmd)
	return cmd
}

// caseView is a case's whole story. Amounts are base units.
type caseView struct {
	provenView
	caseRow
	Meaning   string         `json:"class_meaning"`
	Kept      bool           `json:"kept"` // in the tables; else the log alone tells of it
	Statement string         `json:"statement,omitempty"`
	Opened    uint64         `json:"opened_ms,omitempty"`
	Since     uint64         `json:"infraction_height,omitempty"` // what unbonded before it is not slashable
	Committed uint64         `json:"committed_height,omitempty"`
	Ahead     []string       `json:"ahead,omitempty"` // what happens by itself, and who can act before
	Money     caseMoney      `json:"money"`
	Evidence  []evidenceView `json:"evidence"`
	Resolvers committeeView  `json:"resolvers"`
	Guardians committeeView  `json:"guardians"`
	Bars      []string       `json:"bars,omitempty"` // what it did to the accused at once
	Moments   []caseMoment   `json:"moments"`
}

type caseMoney struct {
	Amount      uint64 `json:"amount"` // claimed
	Held        uint64 `json:"held"`   // of it, of the accused's stake
	Bond        uint64 `json:"bond"`   // the reporter's
	DisputeBond uint64 `json:"dispute_bond"`
	Executed    uint64 `json:"executed"` // taken
	Whistle     uint64 `json:"whistle"`  // for the reporter, not claimed yet
	Reserved    uint64 `json:"reserved"` // of this case, in the slash reserve
}

type evidenceView struct {
	Digest string   `json:"digest"`
	From   string   `json:"from,omitempty"`
	Says   []string `json:"says"`
}

type committeeView struct {
	Needed  uint32     `json:"needed"`
	Members []voteView `json:"members"`
}

type voteView struct {
	Address string `json:"address"`
	Entity  string `json:"entity"`
	Verdict string `json:"verdict,omitempty"` // absent: none yet
}

type caseMoment struct {
	Record uint64 `json:"record"`
	Height uint64 `json:"height"`
	TimeMs uint64 `json:"time_ms"` // T
	Says   string `json:"says"`
}

func caseShowCommand() *cobra.Command {
	var light lightFlags
	cmd := &cobra.Command{
		Use:   "show CASE",
		Short: "Tell a case's whole story: about what, who, evidence, votes, money, what comes next and when",
		Long: `Countdowns are of the chain clock, which advances by at most gap_ms in a block: a window
lasts at least so many blocks. A case that was closed is told from the log alone.`,
		Example: "  mprd case show 7", Args: args(1, 1),
		RunE: withSession(nil, func(s *session, args []string) error {
			number, err := caseNumber(args[0])
			if err != nil {
				return err
			}
			return s.withView(&light, func(v *client.View) error {
				view, err := s.caseView(v, number)
				if err != nil {
					return err
				}
				return s.options.print(s.cmd, "case", view, view.text)
			})
		}),
	}
	light.add(cmd)
	light.addSwitch(cmd)
	return cmd
}

func (s *session) caseView(v *client.View, number uint64) (*caseView, error) {
	records, err := v.CaseRecords(s.ctx(), number)
	if err != nil {
		return nil, err
	}
	view := &caseView{provenView: provenOf(v), Evidence: []evidenceView{}, Moments: []caseMoment{}}
	for _, r := range records {
		view.Moments = append(view.Moments, caseMoment{r.PrevSize, r.Height, r.TimeMs, momentText(r.GetCase())})
	}
	c, err := v.Case(s.ctx(), number)
	if errors.Is(err, client.ErrNotFound) && len(records) > 0 {
		view.fromLog(v, records)
		return view, nil
	}
	if err != nil {
		return nil, err
	}
	view.fill(v, c)
	for _, digest := range c.Evidence {
		e, err := s.evidenceView(v, digest)
		if err != nil {
			return nil, err
		}
		view.Evidence = append(view.Evidence, e)
	}
	return view, nil
}

// fill takes what the case's row says.
func (view *caseView) fill(v *client.View, c client.NumberedCase) {
	view.caseRow, view.Meaning, view.Kept = caseRowOf(v, c), c.ClassName(), true
	view.Statement, view.Opened, view.Since = client.Printable(c.Statement), c.OpenedMs, c.InfractionHeight
	view.Committed, view.Ahead = c.CommittedHeight, c.Ahead()
	view.Money = caseMoney{c.Amount, c.Held, c.Bond, c.DisputeBond, c.Executed, c.Whistle, c.Reserved}
	view.Resolvers = committeeOf(c.ResolversMin, c.Resolvers, "confirm")
	view.Guardians = committeeOf(c.GuardiansMin, c.Guardians, "cancel")
	if c.Suspended {
		view.Bars = append(view.Bars, "the accused is suspended")
	}
	if c.Tombstoned {
		view.Bars = append(view.Bars, "the accused and its consensus key are tombstoned")
	}
}

// fromLog tells of a case that was closed.
func (view *caseView) fromLog(v *client.View, records []*audit.Record) {
	last := records[len(records)-1].GetCase()
	row := client.NumberedCase{Number: last.Number, Case: &state.Case{
		Class: state.CaseClass(int32(last.Class)), Infraction: tx.Infraction(int32(last.Infraction)),
		Accused: last.Accused, Subject: last.Subject, State: state.CaseState(int32(last.State)),
		Reporter: last.Reporter, Amount: last.Amount,
	}}
	view.caseRow, view.Meaning = caseRowOf(v, row), row.ClassName()
	view.Money = caseMoney{Amount: last.Amount, Bond: last.Bond, DisputeBond: last.DisputeBond,
		Executed: last.Executed}
	view.Ahead = []string{"it is closed: the log alone tells of it"}
}

// committeeOf lists who decides; yes is what their approval means.
func committeeOf(needed uint32, list []state.Resolver, yes string) committeeView {
	c := committeeView{Needed: needed, Members: []voteView{}}
	for i := range list {
		r := &list[i]
		vote := voteView{Address: tx.AddressFrom(r.Address).String(), Entity: client.Printable(r.Entity)}
		switch r.Verdict {
		case tx.Verdict_VERDICT_UNSPECIFIED:
		case tx.Verdict_VERDICT_APPROVE:
			vote.Verdict = yes
		default:
			vote.Verdict = strings.ToLower(strings.TrimPrefix(r.Verdict.String(), "VERDICT_"))
		}
		c.Members = append(c.Members, vote)
	}
	return c
}

// decidable: some verdict has, or can still have, as many entities as it needs.
func (c *committeeView) decidable() bool {
	said := make(map[string]string) // by entity; none yet: empty
	for _, m := range c.Members {
		if said[m.Entity] == "" {
			said[m.Entity] = m.Verdict
		}
	}
	counts, most := make(map[string]int), 0
	for _, verdict := range said {
		counts[verdict]++
	}
	for verdict, n := range counts {
		if verdict != "" {
			most = max(most, n)
		}
	}
	return most+counts[""] >= int(c.Needed)
}

func (c *committeeView) text(w io.Writer, name string) {
	for i, m := range c.Members {
		if i > 0 {
			name = ""
		}
		fmt.Fprintf(w, "%-11s %s of %s: %s\n", name, m.Address, orDash(m.Entity), orDash(m.Verdict))
	}
	if c.Needed == 0 {
		return
	}
	line := fmt.Sprintf("%d entities decide", c.Needed)
	if !c.decidable() {
		line += ": they cannot, too few are left who could agree"
	}
	if len(c.Members) > 0 {
		name = ""
	}
	fmt.Fprintf(w, "%-11s %s\n", name, line)
}

// evidenceView says in words what evidence holds.
func (s *session) evidenceView(v *client.View, digest []byte) (evidenceView, error) {
	view := evidenceView{Digest: hex.EncodeToString(digest), Says: []string{}}
	e, err := v.EvidenceOf(s.ctx(), digest)
	if err != nil || e == nil {
		return view, err
	}
	if len(e.From) > 0 {
		view.From = tx.AddressFrom(e.From).String()
	}
	view.Says = e.Says()
	return view, nil
}

// momentText is a record of a case in a line.
func momentText(c *audit.Case) string {
	text := client.Printable(c.Change)
	if n := len(c.Votes); n > 0 {
		text += fmt.Sprintf(" (%d verdicts so far)", n)
	}
	switch {
	case c.Executed > 0:
		text += fmt.Sprintf(": %s tokens taken, %s of it for the reporter", tokens(c.Executed), tokens(c.Whistle))
	case c.DueMs > 0 && client.NumberedCase{Case: &state.Case{State: state.CaseState(int32(c.State))}}.Over():
		text += ": closed at " + clockText(c.DueMs)
	case c.DueMs > 0:
		text += ": moves by itself at " + clockText(c.DueMs)
	}
	return text
}

func (view *caseView) text(w io.Writer) {
	fmt.Fprintf(w, "case %d: %s, %s\n", view.Number, view.Infraction, view.State)
	fmt.Fprintf(w, "class       %s\nabout       %s\naccused     %s\n", view.Meaning, view.About, view.Accused)
	reporter := view.Reporter
	if reporter == "" {
		reporter = "the chain itself"
	}
	fmt.Fprintf(w, "reporter    %s\n", reporter)
	if view.Statement != "" {
		fmt.Fprintf(w, "statement   %q\n", view.Statement)
	}
	if view.Kept {
		fmt.Fprintf(w, "opened      %s (chain clock); stake that began to unbond before block %d is out of reach\n",
			clockText(view.Opened), view.Since)
		name := "moves"
		if view.over {
			name = "closed"
		}
		fmt.Fprintf(w, "%-11s %s: %s (chain clock)\n", name, view.Due, clockText(view.Due.AtMs))
	}
	for _, line := range view.Ahead {
		fmt.Fprintf(w, "            %s\n", line)
	}
	for _, bar := range view.Bars {
		fmt.Fprintf(w, "at once     %s\n", bar)
	}
	m := &view.Money
	fmt.Fprintf(w, "claim       %s tokens, %s of them held\n", tokens(m.Amount), tokens(m.Held))
	fmt.Fprintf(w, "bonds       %s of the reporter, %s of the accused\n", tokens(m.Bond), tokens(m.DisputeBond))
	if m.Executed > 0 {
		fmt.Fprintf(w, "taken       %s tokens; %s in the slash reserve, %s of it for the reporter to claim\n",
			tokens(m.Executed), tokens(m.Reserved), tokens(m.Whistle))
	}
	if view.Class != "A" { // what proves itself is not disputed
		view.Resolvers.text(w, "resolvers")
	}
	view.Guardians.text(w, "guardians")
	for _, e := range view.Evidence {
		fmt.Fprintf(w, "evidence    %s by %s\n", e.Digest, orDash(e.From))
		for _, line := range e.Says {
			fmt.Fprintf(w, "            %s\n", line)
		}
	}
	for _, moment := range view.Moments {
		fmt.Fprintf(w, "%s  #%d  %s\n", clockText(moment.TimeMs), moment.Record, moment.Says)
	}
	view.provenView.text(w)
}
