package client

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"mprd/audit"
	"mprd/policy"
	"mprd/state"
	"mprd/tx"
)

// Explain says in words what a verified file proves, a line each.
func (p *Proven) Explain() []string {
	lines := []string{
		fmt.Sprintf("chain %s, state of height %d, header %d of %s", p.ChainID, p.Height, p.Height+1,
			when(p.TimeMs)),
		fmt.Sprintf("signed by %d of %d validators with %d of %d power", p.Signers, p.Validators, p.PowerSigned,
			p.PowerTotal),
	}
	switch {
	case p.Record != nil:
		lines = append(lines, fmt.Sprintf("record %d of an audit log of %d, root %x", p.Index, p.Head.Size,
			p.Head.Root))
		lines = append(lines, ExplainRecord(p.Record)...)
	case p.Head != nil:
		lines = append(lines, fmt.Sprintf("the audit log had %d records, root %x", p.Head.Size, p.Head.Root))
	case p.Value == nil:
		lines = append(lines, fmt.Sprintf("table %s had no row %s", p.Table, KeyText(p.Table, p.Key)))
	default:
		lines = append(lines, fmt.Sprintf("table %s had this row %s:", p.Table, KeyText(p.Table, p.Key)))
		lines = append(lines, RowText(p.Table, p.Value)...)
	}
	return lines
}

func when(ms uint64) string {
	return time.UnixMilli(int64(min(ms, 1<<53))).UTC().Format("2006-01-02 15:04:05.000 MST")
}

// RowText is a row's fields, a line each.
func RowText(table string, value []byte) []string {
	descriptor, ok := state.TableByName(table)
	if !ok {
		return []string{hex.EncodeToString(value)}
	}
	row := descriptor.New()
	if err := row.Unmarshal(value); err != nil {
		return []string{err.Error()}
	}
	return []string{"  " + strings.TrimSpace(row.String())}
}

// ExplainRecord says in words what a record holds, whoever made it up, fit for a terminal.
func ExplainRecord(r *audit.Record) []string {
	lines := explainRecord(r)
	for i := range lines {
		lines[i] = printable(lines[i])
	}
	return lines
}

func explainRecord(r *audit.Record) []string {
	lines := []string{fmt.Sprintf("at height %d, block time %s, chain clock %s", r.Height, when(r.TimeMs),
		when(r.ChainTimeMs))}
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	switch b := r.Body.(type) {
	case *audit.Record_Genesis:
		add("genesis of chain %s: supply %d base units, policy %x", b.Genesis.ChainId, b.Genesis.Supply,
			b.Genesis.PolicyHash)
	case *audit.Record_Tx:
		lines = append(lines, explainTx(b.Tx)...)
	case *audit.Record_Decision:
		lines = append(lines, explainTx(b.Decision.Tx)...)
		add("action %x is %s", b.Decision.ActionId, stateName(b.Decision.State))
		lines = append(lines, explainVerdict(b.Decision.Verdict)...)
		if b.Decision.Required > 0 {
			add("%d approvals required, %d there", b.Decision.Required, len(b.Decision.Votes))
		}
	case *audit.Record_Approval:
		lines = append(lines, explainTx(b.Approval.Tx)...)
		if v := b.Approval.Vote; v != nil {
			add("verdict of %s, entity %s: %s", tx.AddressFrom(v.Approver), v.Entity, verdictName(v.Verdict))
		}
		add("action %x is %s, %d of %d approvals; decision in record %d", b.Approval.ActionId,
			stateName(b.Approval.State), b.Approval.Approvals, b.Approval.Required, b.Approval.DecisionIndex)
		lines = append(lines, explainVerdict(b.Approval.Verdict)...)
	case *audit.Record_Block:
		add("end of its block: %d txs, app hash before it %x", b.Block.Txs, b.Block.AppHashBefore)
	default:
		lines = append(lines, explainFlight(r)...)
	}
	return lines
}

func stateName(s uint32) string { return tx.ActionState(int32(s)).Name() }

func verdictName(v uint32) string {
	return strings.ToLower(strings.TrimPrefix(tx.Verdict(int32(v)).String(), "VERDICT_"))
}

func explainVerdict(raw []byte) []string {
	var v policy.Verdict
	if len(raw) == 0 || v.Unmarshal(raw) != nil {
		return nil
	}
	text := fmt.Sprintf("policy %x said %s", v.PolicyHash, v.Decision.Word())
	if len(v.Policies) > 0 {
		text += " by " + strings.Join(v.Policies, ", ")
	}
	if v.Errors > 0 {
		text += fmt.Sprintf(" with %d evaluation errors", v.Errors)
	}
	return []string{text}
}

// explainTx says who asked for what, and what it came to.
func explainTx(t *audit.Tx) []string {
	if t == nil {
		return []string{"a transaction of which the record keeps nothing"}
	}
	outcome := fmt.Sprintf("done; fee %d base units", t.Fee)
	if t.Code != 0 {
		outcome = fmt.Sprintf("refused with %s/%d; fee %d base units", t.Codespace, t.Code, t.Fee)
		if code := tx.CodeOf(t.Codespace, t.Code); code != nil {
			outcome = fmt.Sprintf("refused: %s (%s); fee %d base units", code.Text, code.String(), t.Fee)
		}
	}
	if len(t.Tx) == 0 && len(t.TxDigest) > 0 {
		return []string{fmt.Sprintf("the large tx %x: its block holds it", t.TxDigest), outcome}
	}
	decoded, err := tx.Decode(t.Tx)
	if err != nil {
		return []string{"tx that does not decode: " + err.Error(), outcome}
	}
	return append(Describe(decoded.Body), outcome)
}

// Describe says what a body asks for: what is shown before it is signed.
func Describe(b *tx.Body) []string {
	lines := []string{fmt.Sprintf("signer %s, nonce %x", tx.AddressFrom(b.Signer), b.GetToken().GetNonce())}
	switch m := b.Message.(type) {
	case *tx.Body_RequestAction:
		r := m.RequestAction
		lines = append(lines, fmt.Sprintf("requests: %s on %s", describeOp(r), r.Target))
		if r.Reason != "" {
			lines = append(lines, fmt.Sprintf("reason: %q", r.Reason))
		}
		lines = append(lines, fmt.Sprintf("resources %d, value at risk %d, waits %s for people, under policy %x",
			r.ResourcesRequired, r.ValueAtRisk, time.Duration(min(r.WaitMs, 1<<40))*time.Millisecond, r.PolicyHash))
	case *tx.Body_ApproveAction:
		a := m.ApproveAction.GetApproval()
		lines = append(lines, fmt.Sprintf("relays the verdict of %s: %s action %x", tx.AddressFrom(a.GetApprover()),
			verdictName(uint32(a.GetVerdict())), a.GetActionId()))
	case *tx.Body_CancelAction:
		lines = append(lines, fmt.Sprintf("cancels action %x", m.CancelAction.ActionId))
	case *tx.Body_SubmitReceipt:
		lines = append(lines, describeReceipt(m.SubmitReceipt.GetReceipt())...)
	case *tx.Body_Attest:
		a := m.Attest.GetAttestation()
		lines = append(lines, fmt.Sprintf("attests the result %x of action %x", a.GetResultHash(), a.GetActionId()))
	case *tx.Body_Transfer:
		lines = append(lines, fmt.Sprintf("transfers %d base units to %s", m.Transfer.Amount,
			tx.AddressFrom(m.Transfer.To)))
	case *tx.Body_RotateKey:
		lines = append(lines, fmt.Sprintf("rotates its key to %x", m.RotateKey.GetNewKey().GetPublicKey().GetKey()))
	default:
		lines = append(lines, describeStake(b)...)
	}
	if b.MaxFee > 0 {
		lines = append(lines, fmt.Sprintf("pays at most %d base units, execution fee included", b.MaxFee))
	}
	if token := b.GetToken(); token != nil {
		lines = append(lines, fmt.Sprintf("token issued %s, expires %s", when(token.IssuedAtMs),
			when(token.ExpiresAtMs)))
	}
	return lines
}

func describeOp(r *tx.RequestAction) string {
	switch op := r.Op.(type) {
	case *tx.RequestAction_Route:
		var shares []string
		for _, b := range op.Route.Backends {
			shares = append(shares, fmt.Sprintf("%s %d.%02d %%", b.Name, b.WeightBps/100, b.WeightBps%100))
		}
		return "Route " + strings.Join(shares, ", ")
	case *tx.RequestAction_Throttle:
		return fmt.Sprintf("Throttle to %d requests/s, burst %d", op.Throttle.RequestsPerSecond, op.Throttle.Burst)
	case *tx.RequestAction_Pause:
		if op.Pause.Paused {
			return "Pause"
		}
		return "Pause off (resume)"
	case *tx.RequestAction_Scale:
		return fmt.Sprintf("Scale to %d replicas", op.Scale.Replicas)
	case *tx.RequestAction_Rotate:
		return fmt.Sprintf("Rotate %s to version %s, digest %x", op.Rotate.Credential, op.Rotate.Version,
			op.Rotate.Digest)
	}
	return "an unknown op"
}

// Redecide decides a record's request again with the bundle that it was decided by, and says whether the
// verdict is the recorded one.
func Redecide(r *audit.Record, bundle policy.Bundle) error {
	var inputs, recorded []byte
	switch b := r.Body.(type) {
	case *audit.Record_Decision:
		inputs, recorded = b.Decision.PolicyRequest, b.Decision.Verdict
	case *audit.Record_Approval:
		inputs, recorded = b.Approval.PolicyRequest, b.Approval.Verdict
	}
	if len(inputs) == 0 || len(recorded) == 0 {
		return fmt.Errorf("%w: the record holds no decision of the policy", ErrNotFound)
	}
	compiled, err := policy.Compile(bundle)
	if err != nil {
		return err
	}
	var request policy.Request
	if err := request.Unmarshal(inputs); err != nil {
		return badProof("policy request: %w", err)
	}
	again, err := compiled.Decide(&request).Marshal()
	if err != nil {
		return err
	}
	if string(again) != string(recorded) {
		return badProof("deciding again gives another verdict: wrong bundle, or a validator majority that lied")
	}
	return nil
}
