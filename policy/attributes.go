package policy

import (
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go/types"
)

// The attributes of schema.cedarschema, in its order, and where each comes from. A test holds the two
// together.

var principalAttributes = []attribute{
	{"class", func(r *Request) types.Value { return types.String(r.Principal.Class) }},
	{"entity", func(r *Request) types.Value { return types.String(r.Principal.Entity) }},
	{"stake", func(r *Request) types.Value { return long(r.Principal.Stake) }},
	{"reputation", func(r *Request) types.Value { return long(r.Principal.Reputation) }},
	{"suspended", func(r *Request) types.Value { return types.Boolean(r.Principal.Suspended) }},
}

var resourceAttributes = []attribute{
	{"tier", func(r *Request) types.Value { return types.String(r.Resource.Tier) }},
	{"region", func(r *Request) types.Value { return types.String(r.Resource.Region) }},
	{"critical", func(r *Request) types.Value { return types.Boolean(r.Resource.Critical) }},
	{"generation", func(r *Request) types.Value { return long(r.Resource.Generation) }},
	{"replicas", func(r *Request) types.Value { return long(r.Resource.Replicas) }},
	{"requestsPerSecond", func(r *Request) types.Value { return long(r.Resource.RequestsPerSecond) }},
	{"burst", func(r *Request) types.Value { return long(r.Resource.Burst) }},
	{"paused", func(r *Request) types.Value { return types.Boolean(r.Resource.Paused) }},
	{"backends", func(r *Request) types.Value { return long(carrying(r.Resource.Backends)) }},
}

// contextAttributes are those of all actions, without params and approvalCount.
var contextAttributes = []attribute{
	{"time", func(r *Request) types.Value { return long(r.Context.TimeMs) }},
	{"chainTime", func(r *Request) types.Value { return long(r.Context.ChainTimeMs) }},
	{"dayOfWeek", func(r *Request) types.Value { return long(dayOfWeek(r.Context.TimeMs)) }},
	{"hourUTC", func(r *Request) types.Value { return long(r.Context.TimeMs % dayMs / hourMs) }},
	{"minuteOfDay", func(r *Request) types.Value { return long(r.Context.TimeMs % dayMs / minuteMs) }},
	{"height", func(r *Request) types.Value { return long(r.Context.Height) }},
	{"resources", func(r *Request) types.Value { return long(r.Context.ResourcesRequired) }},
	{"valueAtRisk", func(r *Request) types.Value { return long(r.Context.ValueAtRisk) }},
}

var paramsAttributes = [opCount][]attribute{
	opRoute: {
		{"backends", func(r *Request) types.Value { return long(carrying(r.Action.Backends)) }},
		{"newBackends", func(r *Request) types.Value { return long(newBackends(r)) }},
		{"largestBps", func(r *Request) types.Value { return long(largest(r.Action.Backends)) }},
		{"movedBps", func(r *Request) types.Value { moved, _ := shift(r); return long(moved) }},
		{"maxShiftBps", func(r *Request) types.Value { _, most := shift(r); return long(most) }},
		{"names", func(r *Request) types.Value { return names(r.Action.Backends) }},
	},
	opThrottle: {
		{"requestsPerSecond", func(r *Request) types.Value { return long(r.Action.RequestsPerSecond) }},
		{"burst", func(r *Request) types.Value { return long(r.Action.Burst) }},
	},
	opPause: {
		{"paused", func(r *Request) types.Value { return types.Boolean(r.Action.Paused) }},
	},
	opScale: {
		{"replicas", func(r *Request) types.Value { return long(r.Action.Replicas) }},
		{"step", func(r *Request) types.Value { return long(distance(r.Action.Replicas, r.Resource.Replicas)) }},
	},
	opRotate: {
		{"credential", func(r *Request) types.Value { return types.String(r.Action.Credential) }},
		{"version", func(r *Request) types.Value { return types.String(r.Action.Version) }},
		{"digest", func(r *Request) types.Value { return types.String(r.Action.Digest) }},
	},
}

const (
	minuteMs = 60 * 1000
	hourMs   = 60 * minuteMs
	dayMs    = 24 * hourMs
)

// dayOfWeek is 1 for Monday to 7 for Sunday; 1 January 1970 was a Thursday.
func dayOfWeek(timeMs uint64) uint64 { return (timeMs/dayMs+3)%7 + 1 }

func distance(a, b uint64) uint64 { return max(a, b) - min(a, b) }

func carrying(list []*Weight) uint64 {
	n := uint64(0)
	for _, w := range list {
		if w.GetBps() > 0 {
			n++
		}
	}
	return n
}

func largest(list []*Weight) uint64 {
	most := uint64(0)
	for _, w := range list {
		most = max(most, w.GetBps())
	}
	return most
}

func newBackends(r *Request) uint64 {
	n := uint64(0)
	eachBackend(r, func(before, after uint64) {
		if before == 0 && after > 0 {
			n++
		}
	})
	return n
}

// shift compares the wanted weights with the present ones: what all winners win or all losers lose together,
// whichever is more (they differ when there were no weights before), and the largest change of one backend.
func shift(r *Request) (moved, most uint64) {
	won, lost := uint64(0), uint64(0)
	eachBackend(r, func(before, after uint64) {
		most = max(most, distance(before, after))
		if after > before {
			won = addCapped(won, after-before)
		} else {
			lost = addCapped(lost, before-after)
		}
	})
	return max(won, lost), most
}

// eachBackend visits each name of the present and the wanted weights once, in order.
func eachBackend(r *Request, visit func(before, after uint64)) {
	old, now := byName(r.Resource.Backends), byName(r.Action.Backends)
	for len(old) > 0 || len(now) > 0 {
		switch {
		case len(old) == 0 || len(now) > 0 && now[0].GetName() < old[0].GetName():
			visit(0, now[0].GetBps())
			now = now[1:]
		case len(now) == 0 || old[0].GetName() < now[0].GetName():
			visit(old[0].GetBps(), 0)
			old = old[1:]
		default:
			visit(old[0].GetBps(), now[0].GetBps())
			old, now = old[1:], now[1:]
		}
	}
}

// byName gives the weights sorted by name, of equal names the first alone. The chain's are so already.
func byName(list []*Weight) []*Weight {
	for i := 1; i < len(list); i++ {
		if list[i-1].GetName() >= list[i].GetName() {
			sorted := slices.Clone(list)
			slices.SortStableFunc(sorted, func(a, b *Weight) int { return strings.Compare(a.GetName(), b.GetName()) })
			return slices.CompactFunc(sorted, func(a, b *Weight) bool { return a.GetName() == b.GetName() })
		}
	}
	return list
}

// addCapped stops at the largest number instead of starting again at 0.
func addCapped(a, b uint64) uint64 {
	if sum := a + b; sum >= a {
		return sum
	}
	return ^uint64(0)
}

func names(list []*Weight) types.Value {
	values := make([]types.Value, 0, len(list))
	for _, w := range list {
		if w.GetBps() > 0 {
			values = append(values, types.String(w.GetName()))
		}
	}
	return types.NewSet(values...)
}
