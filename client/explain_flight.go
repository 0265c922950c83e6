package client

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"mprd/audit"
	"mprd/state"
	"mprd/tx"
)

// explainFlight says in words what the records of an action's way from INTENT to OUTCOME hold.
func explainFlight(r *audit.Record) []string {
	switch b := r.Body.(type) {
	case *audit.Record_Intent:
		return explainIntent(b.Intent)
	case *audit.Record_Assignment:
		return explainAssignment(b.Assignment)
	case *audit.Record_Receipt:
		lines := explainTx(b.Receipt.Tx)
		if b.Receipt.Late {
			lines = append(lines, "it came after the attempt's end")
		}
		return append(lines, fmt.Sprintf("attempt %d of the promise in record %d", b.Receipt.Attempt+1,
			b.Receipt.IntentIndex))
	case *audit.Record_Outcome:
		return explainOutcome(b.Outcome)
	case *audit.Record_Attested:
		return []string{attestedText(b.Attested), fmt.Sprintf("action %x, promise in record %d",
			b.Attested.ActionId, b.Attested.IntentIndex)}
	case *audit.Record_Auto:
		return explainAuto(b.Auto)
	}
	return explainStake(r)
}

func explainIntent(i *audit.Intent) []string {
	lines := []string{fmt.Sprintf("INTENT: action %x of %s is promised to be done by executors of group %q",
		i.ActionId, tx.AddressFrom(i.Requester), i.ExecutorGroup)}
	var request tx.RequestAction
	if request.Unmarshal(i.Request) == nil {
		lines = append(lines, fmt.Sprintf("what is to be done: %s on %s", describeOp(&request), request.Target))
	}
	var spec state.Spec
	if spec.Unmarshal(i.Spec) == nil {
		lines = append(lines, "the target is then to be: "+SpecText(&spec))
	}
	again := "is tried again by another executor if one is silent or fails"
	if !i.Failover {
		again = "is tried once only: the target is neither idempotent nor fenced"
	}
	return append(lines, fmt.Sprintf("it %s; %d base units are held for it; decision in record %d", again,
		i.ExecutionFee, i.DecisionIndex))
}

func explainAssignment(a *audit.Assignment) []string {
	lines := []string{fmt.Sprintf("action %x is assigned, fencing counter %d, time counts from %s (chain clock)",
		a.ActionId, a.FenceCounter, when(a.StartedMs))}
	for i, at := range a.Attempts {
		lines = append(lines, fmt.Sprintf("attempt %d: %s of %s, until %s (chain clock)", i+1,
			tx.AddressFrom(at.Operator), at.Entity, when(at.EndsMs)))
	}
	if len(a.Witnesses) > 0 {
		lines = append(lines, "witnesses: "+addressesText(a.Witnesses))
	}
	from := fmt.Sprintf("%d candidates", len(a.Candidates))
	if len(a.Candidates) == 0 {
		from = "more candidates than a record names"
	}
	return append(lines, fmt.Sprintf("drawn from %s (digest %x)", from, a.CandidatesDigest),
		fmt.Sprintf("by epoch seed %x and block %x; promise in record %d", a.EpochSeed, a.BlockHash, a.IntentIndex))
}

func explainOutcome(o *audit.Outcome) []string {
	lines := []string{fmt.Sprintf("OUTCOME: action %x is %s", o.ActionId, outcomeText(o)),
		fmt.Sprintf("the target's spec is of generation %d; promise in record %d", o.Generation, o.IntentIndex)}
	if len(o.ResultHash) > 0 {
		lines = append(lines, fmt.Sprintf("hash of what was read back: %x", o.ResultHash))
	}
	return lines
}

func outcomeText(o *audit.Outcome) string {
	text := stateName(o.State)
	if tx.ActionState(int32(o.State)) == tx.ActionState_ACTION_STATE_DONE {
		text += fmt.Sprintf(" by %s in attempt %d", tx.AddressFrom(o.Executor), o.Attempt+1)
		if o.Late {
			text += ", late"
		}
	} else if why := reasonText(o.Reason); why != "" {
		text += ": " + why
	}
	if len(o.Silent) > 0 {
		var silent []string
		for _, i := range o.Silent {
			silent = append(silent, fmt.Sprint(i+1))
		}
		text += "; no answer in attempt " + strings.Join(silent, ", ")
	}
	return text
}

// reasonText says why an action was not done.
func reasonText(r audit.Reason) string {
	switch r {
	case audit.Reason_REASON_UNSPECIFIED:
		return ""
	case audit.Reason_REASON_NO_EXECUTOR:
		return "no executor could be drawn for it"
	case audit.Reason_REASON_SUPERSEDED:
		return "a pause of the target came first"
	case audit.Reason_REASON_REQUEST_INVALID:
		return "two executors say that the request cannot be done"
	case audit.Reason_REASON_UNREACHABLE:
		return "all executors say that the target does not answer"
	case audit.Reason_REASON_FAILED:
		return "all executors failed"
	case audit.Reason_REASON_SILENCE:
		return "its time was over"
	}
	return fmt.Sprintf("reason %d, of another version", r)
}

// failureText says why an executor could not do it.
func failureText(r tx.FailureReason) string {
	switch r {
	case tx.FailureReason_FAILURE_REASON_REQUEST_INVALID:
		return "the request cannot be done"
	case tx.FailureReason_FAILURE_REASON_UNREACHABLE:
		return "the target does not answer"
	case tx.FailureReason_FAILURE_REASON_FENCED:
		return "the target has seen a higher fencing token"
	case tx.FailureReason_FAILURE_REASON_LIMIT:
		return "it would take more than it may use"
	case tx.FailureReason_FAILURE_REASON_ERROR:
		return "an error"
	}
	return fmt.Sprintf("reason %d, of another version", r)
}

func describeReceipt(r *tx.Receipt) []string {
	if r == nil {
		return []string{"a receipt of nothing"}
	}
	return append([]string{fmt.Sprintf("receipt for action %x, attempt %d, fencing token %s, %d resources used",
		r.ActionId, r.Attempt+1, r.Fence(), r.ResourcesUsed)}, receiptText(r)...)
}

// receiptText says what an executor did, or why not.
func receiptText(r *tx.Receipt) []string {
	if r.Status != tx.ReceiptStatus_RECEIPT_STATUS_DONE {
		return []string{"FAILED: " + failureText(r.Reason)}
	}
	return []string{"DONE", "read back: " + ResultText(r.Result)}
}

// ResultText shows what an executor read back: as text if it is JSON, else in hex.
func ResultText(result []byte) string {
	switch {
	case len(result) == 0:
		return "nothing"
	case json.Valid(result) && !strings.ContainsFunc(string(result), unprintable):
		return string(result)
	}
	return hex.EncodeToString(result)
}

// StatusText says in words what executors said last of a target.
func StatusText(s *state.Status) string {
	if s == nil {
		return "no executor has answered yet"
	}
	text := fmt.Sprintf("%s by %s for generation %d, at %s on the chain clock (action %x, attempt %d)",
		s.Status.Name(), tx.AddressFrom(s.Executor), s.Generation, when(s.AtMs), s.ActionId, s.Attempt+1)
	if s.Reason != tx.FailureReason_FAILURE_REASON_UNSPECIFIED {
		text += ": " + s.Reason.Name()
	}
	return text
}

func attestedText(a *audit.Attested) string {
	if !a.Attested {
		return fmt.Sprintf("UNATTESTED: too few witnesses saw the result in time: %s", addressesText(a.Witnesses))
	}
	return "ATTESTED: the result was seen by " + addressesText(a.Witnesses)
}

func explainAuto(a *audit.Auto) []string {
	text := fmt.Sprintf("the chain itself, step %q: ", a.Step)
	switch who := tx.AddressFrom(a.Operator); {
	case a.Amount > 0:
		return []string{fmt.Sprintf("%s%s are paid out to %s", text, TokensText(a.Amount), who)}
	case len(a.ActionId) == 0 && a.Fault:
		return []string{text + who.String() + " is at fault: its validator is jailed"}
	case len(a.ActionId) == 0:
		return []string{text + who.String()}
	}
	if len(a.Operator) > 0 {
		return []string{text + judgementText(a), fmt.Sprintf("action %x, promise in record %d", a.ActionId,
			a.IntentIndex)}
	}
	return []string{fmt.Sprintf("%saction %x is %s; decision in record %d", text, a.ActionId, stateName(a.State),
		a.DecisionIndex)}
}

func judgementText(a *audit.Auto) string {
	verdict := "excused: more than this executor had failed"
	if a.Fault {
		verdict = "a fault"
	}
	return fmt.Sprintf("the silence of %s in attempt %d is %s", tx.AddressFrom(a.Operator), a.Attempt+1, verdict)
}

func addressesText(list [][]byte) string {
	if len(list) == 0 {
		return "nobody"
	}
	var names []string
	for _, a := range list {
		names = append(names, tx.AddressFrom(a).String())
	}
	return strings.Join(names, ", ")
}

// SpecText is a desired state in one line.
func SpecText(spec *state.Spec) string {
	text := fmt.Sprintf("generation %d, %d replicas, %d requests/s, burst %d, paused %t", spec.Generation,
		spec.Replicas, spec.RequestsPerSecond, spec.Burst, spec.Paused)
	for _, b := range spec.Backends {
		text += fmt.Sprintf(", %s=%d", b.GetName(), b.GetWeightBps())
	}
	for _, c := range spec.Credentials {
		text += fmt.Sprintf(", %s %s", c.Name, c.Version)
	}
	return text
}
