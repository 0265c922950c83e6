package action

import (
	"crypto/sha256"
	"encoding/binary"
	"math"

	"mprd/audit"
	"mprd/state"
	"mprd/tx"
)

// Domains of the drawing of executors.
const (
	domainEpoch  = "MPRD/epoch/v1"
	domainAssign = "MPRD/assign/v1"
)

// candidate is a member of a group who may be drawn.
type candidate struct {
	operator tx.Address
	entity   string
	weight   uint64
	stake    uint64  // that no case holds, base units
	reserved *uint64 // of it, value at risk so far; of the block, nil where nobody asks
}

// candidateOf gives a member's weight: min(E, E_cap) · reputation (ppm), in base units (protocol.md section
// 7). Whoever has no stake or is suspended weighs nothing and is not drawn. What open cases hold of a stake
// covers no value at risk: it may be lost already, and a bond that holds it must not freeze the rest.
func candidateOf(c *state.Context, m *state.Member) (candidate, uint64) {
	address := tx.AddressFrom(m.Operator)
	operator := state.Operators.Load(c.Overlay, address)
	if operator.Suspended {
		return candidate{}, 0
	}
	weight := state.MulDiv(min(operator.Stake, c.Params.Economics.StakeCap), operator.Reputation, 1_000_000)
	return candidate{operator: address, entity: m.Entity, weight: weight, stake: operator.Unheld()}, weight
}

// pool is a group's candidates, as every action of one block is drawn from them.
type pool struct {
	candidates []candidate
	digest     tx.Digest
	listed     []*audit.Candidate // nil if they are too many for a record
}

// listedMax is how many candidates a record names; of more it holds the digest, and the state proves them.
const listedMax = 16

// poolOf reads a group's candidates; reserved is the block's, whatever group somebody is in.
func poolOf(c *state.Context, group string, reserved map[tx.Address]*uint64) *pool {
	var list []candidate
	members := state.Groups.Load(c.Overlay, group).Members
	for i := range members {
		one, weight := candidateOf(c, &members[i])
		if weight == 0 {
			continue
		}
		one.reserved = reserved[one.operator]
		if one.reserved == nil {
			units := state.Coverages.Load(c.Overlay, one.operator).Units
			one.reserved = &units
			reserved[one.operator] = &units
		}
		list = append(list, one)
	}
	return poolFrom(list)
}

// covering are the pool's candidates who can bear the value for the entity; the pool itself if all can.
func (p *pool) covering(c *state.Context, entity string, value uint64, witnessed bool) *pool {
	if value == 0 {
		return p
	}
	var list []candidate
	for i := range p.candidates {
		one := &p.candidates[i]
		if covers(c, one.operator, one.stake, *one.reserved, entity, value, witnessed) {
			list = append(list, *one)
		}
	}
	if len(list) == len(p.candidates) {
		return p
	}
	return poolFrom(list)
}

func poolFrom(candidates []candidate) *pool {
	p := &pool{candidates: candidates}
	hash := sha256.New()
	for i := range candidates {
		one := &candidates[i]
		raw := append([]byte(nil), one.operator[:]...)
		raw = binary.BigEndian.AppendUint64(raw, one.weight)
		raw = binary.BigEndian.AppendUint64(raw, uint64(len(one.entity)))
		hash.Write(append(raw, one.entity...))
	}
	p.digest = tx.Digest(hash.Sum(nil))
	if len(p.candidates) <= listedMax {
		for i := range p.candidates {
			one := &p.candidates[i]
			p.listed = append(p.listed, &audit.Candidate{
				Operator: one.operator[:], Weight: one.weight, Entity: one.entity,
			})
		}
	}
	return p
}

// seedOf is what an action's executors are drawn from. The proposer of the assigning block can grind its
// hash: a known limit (docs/protocol.md section 7).
func seedOf(epochSeed, blockHash []byte, id tx.Digest) tx.Digest {
	raw := lp(lp(lp(nil, []byte(domainAssign)), epochSeed), blockHash)
	return sha256.Sum256(append(raw, id[:]...))
}

func lp(to, raw []byte) []byte {
	return append(binary.BigEndian.AppendUint64(to, uint64(len(raw))), raw...)
}

// draw takes at most n candidates of distinct entities, none of the excluded one, each with a chance in
// proportion to its weight among those left. Numbers that would favour anybody are rejected.
func draw(candidates []candidate, excluded string, n int, seed tx.Digest) (drawn []candidate) {
	left := make([]candidate, 0, len(candidates))
	var total uint64
	for _, one := range candidates {
		if one.entity != excluded {
			left = append(left, one)
			total += one.weight // at most the supply: genesis holds all stake to it
		}
	}
	for counter := uint64(0); len(drawn) < n && total > 0; counter++ {
		sum := sha256.Sum256(binary.BigEndian.AppendUint64(seed[:], counter))
		number := binary.BigEndian.Uint64(sum[:])
		if number > math.MaxUint64-(math.MaxUint64%total+1)%total {
			continue // the last, incomplete range of total numbers
		}
		at := number % total
		i := 0
		for at >= left[i].weight {
			at -= left[i].weight
			i++
		}
		drawn = append(drawn, left[i])
		left, total = without(left, left[i].entity)
	}
	return drawn
}

// without drops an entity, in place.
func without(list []candidate, entity string) (left []candidate, total uint64) {
	left = list[:0]
	for _, one := range list {
		if one.entity != entity {
			left = append(left, one)
			total += one.weight
		}
	}
	return left, total
}

// AdvanceEpoch is the block's step "epoch seed": the seed is chained from the hash of each epoch's first
// block.
func AdvanceEpoch(c *state.Context) {
	epoch, begun := state.EpochTable.Get(c.Overlay, state.One{})
	if begun && (c.ChainTimeMs < epoch.StartedMs+c.Params.EpochMs ||
		c.Height < epoch.StartedHeight+uint64(c.Params.EpochBlocksMin)) {
		return
	}
	if !begun {
		epoch = &state.Epoch{}
	}
	seed := sha256.Sum256(lp(lp(lp(nil, []byte(domainEpoch)), epoch.Seed), c.BlockHash))
	state.EpochTable.Set(c.Overlay, state.One{}, &state.Epoch{
		Number: epoch.Number + 1, Seed: seed[:], StartedHeight: c.Height, StartedMs: c.ChainTimeMs,
		BeforeHeight: epoch.StartedHeight, BeforeMs: epoch.StartedMs,
	})
}
