package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mprd/client"
	"mprd/state"
	"mprd/tx"
)

// txFlags are what every command that sends a tx takes.
type txFlags struct {
	from, account, wait, saveTx string
	dryRun, generateOnly        bool
	executes                    bool // it may come to an action that executors carry out
	life, timeout               time.Duration
	maxFee                      uint64
}

func (f *txFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.from, "from", "", "name of the signing key")
	flags.StringVar(&f.account, "account", "",
		"account that signs, if its address is not the key's (after a rotation)")
	waits := "return when the tx is: accepted, committed"
	if f.executes {
		waits += "; or when the action is: executed (its outcome is there)"
	}
	flags.StringVar(&f.wait, "wait", waitCommitted, waits)
	flags.DurationVar(&f.timeout, "timeout", 30*time.Second, "how long to wait in all")
	flags.BoolVar(&f.dryRun, "dry-run", false, "ask what it would come to; nothing is signed or sent")
	flags.BoolVar(&f.generateOnly, "generate-only", false,
		"print the unsigned draft; sign it with: mprd tx sign")
	flags.DurationVar(&f.life, "life", 2*time.Minute, "how long the token lives")
	flags.Uint64Var(&f.maxFee, "max-fee", 0,
		"most to pay, in base units (default: twice the present fee and execution fee)")
	flags.StringVar(&f.saveTx, "save-tx", "", "also write the signed tx to this file")
}

// What --wait waits for.
const (
	waitAccepted  = "accepted"
	waitCommitted = "committed"
	waitExecuted  = "executed"
)

// check refuses a --wait that makes no sense.
func (f *txFlags) check() error {
	switch {
	case f.wait == waitAccepted, f.wait == waitCommitted, f.wait == waitExecuted && f.executes:
		return nil
	case f.executes:
		return usageError{fmt.Errorf("--wait is %q, want accepted, committed or executed", f.wait)}
	}
	return usageError{fmt.Errorf("--wait is %q, want accepted or committed", f.wait)}
}

// session is one command's dealing with the chain.
type session struct {
	cmd     *cobra.Command
	options options
	client  *client.Client
	flags   *txFlags
	key     *tx.Key // of --from; nil until it was unlocked
}

func newSession(cmd *cobra.Command, flags *txFlags) (*session, error) {
	o, err := optionsOf(cmd)
	if err != nil {
		return nil, err
	}
	if flags != nil {
		if err := flags.check(); err != nil {
			return nil, err
		}
	}
	c, err := dial(cmd.Context(), &o)
	if err != nil {
		return nil, err
	}
	return &session{cmd: cmd, options: o, client: c, flags: flags}, nil
}

// withSession makes the body of a command that deals with the chain.
func withSession(flags *txFlags, body func(s *session, args []string) error) func(*cobra.Command,
	[]string) error {
	return func(cmd *cobra.Command, args []string) error {
		s, err := newSession(cmd, flags)
		if err != nil {
			return err
		}
		return body(s, args)
	}
}

func (s *session) ctx() context.Context { return s.cmd.Context() }

// signer is the account that pays.
func (s *session) signer() (tx.Address, error) {
	if s.flags.account != "" {
		return addressOf(s.options, s.flags.account)
	}
	if s.flags.from == "" {
		return tx.Address{}, usageError{errors.New("name the signing key: --from")}
	}
	return addressOf(s.options, s.flags.from)
}

// submit completes a body that has a message, signs it and sends it, or stops where the flags say.
func (s *session) submit(body *tx.Body, cosignatures ...*tx.Signature) error {
	signer, err := s.signer()
	if err != nil {
		return err
	}
	draft := client.Draft{Life: s.flags.life, MaxFee: s.flags.maxFee}
	if _, err := s.client.Fill(s.ctx(), body, signer, draft); err != nil {
		return err
	}
	switch {
	case s.flags.dryRun:
		return s.dryRun(body)
	case s.flags.generateOnly:
		return writeDraft(s.cmd.OutOrStdout(), body)
	}
	raw, err := s.sign(body, cosignatures...)
	if err != nil {
		return err
	}
	return s.send(raw)
}

// sign shows a body and signs it. A command that signs twice asks for the passphrase once.
func (s *session) sign(body *tx.Body, cosignatures ...*tx.Signature) ([]byte, error) {
	s.show(body)
	if s.key == nil {
		key, err := unlock(s.cmd, s.options, s.flags.from)
		if err != nil {
			return nil, err
		}
		s.key = key
	}
	return tx.Sign(body, s.key, cosignatures...)
}

// show says on stderr what is about to be signed.
func (s *session) show(body *tx.Body) {
	say(s.cmd, "signing for chain %s:", body.ChainId)
	for _, line := range client.Describe(body) {
		say(s.cmd, "  %s", line)
	}
}

// outcome is what a tx came to, as it is printed.
type outcome struct {
	Tx        string   `json:"tx"`
	Action    string   `json:"action,omitempty"`
	State     string   `json:"state,omitempty"`
	Approvals uint32   `json:"approvals"`
	Required  uint32   `json:"required"`
	Policies  []string `json:"policies,omitempty"`
	Code      string   `json:"code,omitempty"`
	Log       string   `json:"log,omitempty"`
	Height    int64    `json:"height,omitempty"`
	Record    uint64   `json:"record,omitempty"`
	Case      uint64   `json:"case,omitempty"`
	Fee       uint64   `json:"fee,omitempty"`
	Gas       uint64   `json:"gas,omitempty"`
	// Of an action for executors.
	ExecutionFee uint64 `json:"execution_fee,omitempty"`
	Drawable     *int   `json:"drawable,omitempty"` // entities from which executors can be drawn; of a dry run
}

func (o *outcome) take(r *tx.Result) {
	if len(r.ActionId) > 0 {
		o.Action = hex.EncodeToString(r.ActionId)
		o.State = r.State.Name()
		if r.State == tx.ActionState_ACTION_STATE_UNSPECIFIED {
			o.State = ""
		}
	}
	o.Approvals, o.Required, o.Policies, o.Record = r.Approvals, r.Required, r.Policies, r.RecordIndex
	o.ExecutionFee, o.Case = r.ExecutionFee, r.Case
}

func (o *outcome) text(w io.Writer) {
	line := o.State
	if line == "" {
		line = "done"
	}
	if o.Code != "" {
		line = strings.TrimSpace(o.State + " " + o.Code)
	}
	if o.State == "PENDING" {
		line += fmt.Sprintf(" %d of %d approvals", o.Approvals, o.Required)
	}
	if len(o.Policies) > 0 {
		line += " by " + strings.Join(o.Policies, ", ")
	}
	fmt.Fprintln(w, line)
	if o.Log != "" {
		fmt.Fprintf(w, "  %s\n", o.Log)
	}
	if o.Action != "" {
		fmt.Fprintf(w, "  action %s\n", o.Action)
	}
	if o.Case != 0 {
		fmt.Fprintf(w, "  case %d\n", o.Case)
	}
	if o.Height > 0 {
		record := fmt.Sprintf("record %d", o.Record)
		if o.Record == 0 { // that is genesis': free signs of life leave none
			record = "no record"
		}
		fmt.Fprintf(w, "  height %d, %s, tx %s\n", o.Height, record, o.Tx)
	}
	if o.Fee > 0 {
		fmt.Fprintf(w, "  fee %d base units, gas %d\n", o.Fee, o.Gas)
	}
	if o.ExecutionFee > 0 {
		fmt.Fprintf(w, "  execution fee %d base units, held until it is over\n", o.ExecutionFee)
	}
	if o.Drawable != nil {
		fmt.Fprintf(w, "  executors of %d entities could be drawn\n", *o.Drawable)
	}
}

// report prints an outcome and turns it into an exit code; refused is the chain's no, or nil.
func (s *session) report(o *outcome, refused error) error {
	if refused != nil {
		var code *tx.Code
		if errors.As(refused, &code) {
			o.Code = code.String()
		}
		o.Log = refused.Error()
	}
	if err := s.options.print(s.cmd, "outcome", o, o.text); err != nil {
		return err
	}
	if refused != nil {
		say(s.cmd, "mprd: %s", describe(refused))
		if o.State == "DENIED" { // by whichever gate
			return silent(exitDenied)
		}
		return silent(exitCode(refused))
	}
	switch o.State {
	case "PENDING":
		return silent(exitPending)
	case "REJECTED":
		return silent(exitDenied)
	}
	return nil
}

// foreseen is the refusal that what was read of the chain makes sure: nobody pays a fee to hear it.
func (s *session) foreseen(code *tx.Code, format string, values ...any) error {
	say(s.cmd, "the chain would refuse this as it is now; nothing was signed or sent")
	return s.report(&outcome{}, client.RefusalOf(code.Space, code.Number, fmt.Sprintf(format, values...)))
}

func (s *session) dryRun(body *tx.Body) error {
	raw, err := s.client.Unsigned(s.ctx(), body)
	if err != nil {
		return err
	}
	simulation, err := s.client.Simulate(s.ctx(), raw)
	if err != nil {
		return err
	}
	o := &outcome{Fee: simulation.Fee, Gas: simulation.GasUsed}
	var result tx.Result
	if err := result.Unmarshal(simulation.Result); err != nil {
		return err
	}
	o.take(&result)
	o.Record = 0
	if o.Drawable, err = s.drawable(body); err != nil {
		return err
	}
	say(s.cmd, "dry run on the present state; nothing was signed or sent")
	return s.report(o, client.RefusalOf(simulation.Codespace, simulation.Code, simulation.Log))
}

// drawable counts the entities whose executors could be drawn for a request; nil if it needs none.
func (s *session) drawable(body *tx.Body) (*int, error) {
	request := body.GetRequestAction()
	if request == nil {
		return nil, nil
	}
	target, err := s.client.Target(s.ctx(), request.Target)
	if errors.Is(err, client.ErrNotFound) || err == nil && target.ExecutorGroup == state.GroupNone {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	account, err := s.client.Account(s.ctx(), tx.AddressFrom(body.Signer))
	if err != nil {
		return nil, err
	}
	n, err := s.client.Drawable(s.ctx(), target.ExecutorGroup, account.Entity)
	if errors.Is(err, client.ErrNotFound) { // the group has no members
		n, err = 0, nil
	}
	return &n, err
}

// send hands a signed tx over and waits as the flags say.
func (s *session) send(raw []byte) error {
	if s.flags.saveTx != "" {
		if err := os.WriteFile(s.flags.saveTx, raw, 0o600); err != nil {
			return err
		}
	}
	hash, err := s.client.Send(s.ctx(), raw)
	o := &outcome{Tx: hex.EncodeToString(hash[:])}
	if decoded, decodeErr := tx.Decode(raw); decodeErr == nil && decoded.Kind == tx.KindRequestAction {
		o.Action = hex.EncodeToString(decoded.Body.GetToken().GetActionHash())
	}
	var refused *client.Refusal
	if errors.As(err, &refused) {
		return s.report(o, err)
	}
	if err != nil {
		return err
	}
	if s.flags.wait == waitAccepted {
		return s.report(o, nil)
	}
	return s.await(hash)
}

// await waits for a tx, and for the outcome of its action if the flags say so, and reports what it came to.
func (s *session) await(hash tx.Digest) error {
	ctx, cancel := context.WithTimeout(s.ctx(), s.flags.timeout)
	defer cancel()
	done, err := s.client.Wait(ctx, hash)
	if err != nil {
		return err
	}
	o := &outcome{Tx: hex.EncodeToString(hash[:]), Height: done.Height}
	o.take(&done.Result)
	if s.flags.wait != waitExecuted || done.Err() != nil || o.Action == "" || o.State == "REJECTED" {
		return s.report(o, done.Err())
	}
	say(s.cmd, "%s is in the log; waiting for the outcome of action %s", o.State, o.Action)
	return s.awaitAction(ctx, tx.Digest(done.Result.ActionId), client.Executed)
}
