package tx

import (
	"fmt"
	"strings"
)

// Kind is the field number of a message in Body. Numbers are never reused; those of later kinds are
// reserved in proto/mprd/tx/v1/tx.proto.
type Kind uint32

const (
	KindRequestAction    Kind = 16
	KindApproveAction    Kind = 17
	KindCancelAction     Kind = 18
	KindSubmitReceipt    Kind = 19
	KindAttest           Kind = 20
	KindTransfer         Kind = 32
	KindRotateKey        Kind = 33
	KindRegisterOperator Kind = 48
)

// kindInfo prices and names a kind.
type kindInfo struct {
	kind Kind
	name string
	gas  uint64 // beside bytes and signatures: policy evaluation and table writes
	base uint64 // multiple of the base fee
}

var kinds = []kindInfo{
	{KindRequestAction, "request_action", gasPolicy + 4*gasWrite, 1},
	{KindApproveAction, "approve_action", gasPolicy + 4*gasWrite, 1},
	{KindCancelAction, "cancel_action", 3 * gasWrite, 1},
	{KindSubmitReceipt, "submit_receipt", 8 * gasWrite, 1},
	{KindAttest, "attest", 4 * gasWrite, 1},
	{KindTransfer, "transfer", 3 * gasWrite, 1},
	{KindRotateKey, "rotate_key", 5 * gasWrite, 10},
	{KindRegisterOperator, "register_operator", 2 * gasWrite, 10},
}

// Kinds lists every kind that this version of the chain accepts, by number.
func Kinds() []Kind {
	list := make([]Kind, len(kinds))
	for i, k := range kinds {
		list[i] = k.kind
	}
	return list
}

func (k Kind) info() kindInfo {
	for _, info := range kinds {
		if info.kind == k {
			return info
		}
	}
	panic(fmt.Sprintf("kind %d is not in the list", k)) // Body.Kind gives only listed kinds
}

func (k Kind) String() string { return k.info().name }

// Kind is 0 when the body holds no message.
func (m *Body) Kind() Kind {
	switch m.Message.(type) {
	case *Body_RequestAction:
		return KindRequestAction
	case *Body_ApproveAction:
		return KindApproveAction
	case *Body_CancelAction:
		return KindCancelAction
	case *Body_SubmitReceipt:
		return KindSubmitReceipt
	case *Body_Attest:
		return KindAttest
	case *Body_Transfer:
		return KindTransfer
	case *Body_RotateKey:
		return KindRotateKey
	case *Body_RegisterOperator:
		return KindRegisterOperator
	}
	return 0
}

// OpType is what the request asks to be done; unspecified when it names nothing.
func (m *RequestAction) OpType() OpType {
	switch m.GetOp().(type) {
	case *RequestAction_Route:
		return OpType_OP_TYPE_ROUTE
	case *RequestAction_Throttle:
		return OpType_OP_TYPE_THROTTLE
	case *RequestAction_Pause:
		return OpType_OP_TYPE_PAUSE
	case *RequestAction_Scale:
		return OpType_OP_TYPE_SCALE
	case *RequestAction_Rotate:
		return OpType_OP_TYPE_ROTATE
	}
	return OpType_OP_TYPE_UNSPECIFIED
}

// Name is the op's name in policies: Route, Throttle, Pause, Scale, Rotate; empty if there is no such op.
func (t OpType) Name() string {
	names := [...]string{"", "Route", "Throttle", "Pause", "Scale", "Rotate"}
	if t < 0 || int(t) >= len(names) {
		return ""
	}
	return names[t]
}

// Name is the state's name as people read it; of a state that this version does not know, its number.
func (s ActionState) Name() string { return strings.TrimPrefix(s.String(), "ACTION_STATE_") }

// Name is the status as people read it: DONE or FAILED.
func (s ReceiptStatus) Name() string { return strings.TrimPrefix(s.String(), "RECEIPT_STATUS_") }

// Name is the reason as people read it; empty if there is none.
func (r FailureReason) Name() string {
	if r == FailureReason_FAILURE_REASON_UNSPECIFIED {
		return ""
	}
	return strings.TrimPrefix(r.String(), "FAILURE_REASON_")
}
