package audit

import (
	"bytes"
	"math"
	"testing"
)

// rewardsOf are so many rewards with the largest numbers that a supply of 10^15 allows.
func rewardsOf(n int) (list []*Reward) {
	const supply = 1_000_000_000_000_000
	for range n {
		list = append(list, &Reward{
			Operator: bytes.Repeat([]byte{0xff}, 20), Uptime: 1e6, Throughput: 1e6, Score: 1e6, Stake: supply,
			Target: supply, Paid: supply, Vouchers: supply, Reputation: 1e6,
		})
	}
	return list
}

// TestTheLargestStakeRecordsFitALeaf: a record that fits no leaf would stop the chain.
func TestTheLargestStakeRecordsFitALeaf(t *testing.T) {
	const votes, updates, entityBytes = 2 * 64, 2 * 250, 64 // members of two committees; a whole set for another
	large := &Case{
		Number: math.MaxUint64, Class: 3, Infraction: 8, Accused: make([]byte, 20), Subject: make([]byte, 64),
		State: 7, Reporter: make([]byte, 20), Amount: math.MaxUint64, Bond: math.MaxUint64,
		DisputeBond: math.MaxUint64, DueMs: math.MaxUint64, Evidence: make([]byte, 32), Executed: math.MaxUint64,
		Whistle: math.MaxUint64, Change: "confirmed",
	}
	for range votes {
		large.Votes = append(large.Votes, &Vote{
			Approver: make([]byte, 20), Entity: string(bytes.Repeat([]byte{'e'}, entityBytes)), Verdict: 2,
		})
	}
	set := &Validators{Size_: math.MaxUint32, Total: math.MaxUint64, Alarm: string(bytes.Repeat([]byte{'a'}, 256))}
	for range updates {
		set.Updates = append(set.Updates, &Power{Key: make([]byte, 32), Power: math.MaxInt64})
	}
	for name, body := range map[string]isRecord_Body{
		"rewards":    &Record_Rewards{&Rewards{Epoch: math.MaxUint64, Rewards: rewardsOf(RewardsMax)}},
		"case":       &Record_Case{large},
		"validators": &Record_Validators{set},
	} {
		leaf, err := EncodeLeaf(&Record{
			PrevSize: math.MaxUint64, PrevRoot: make([]byte, 32), Height: math.MaxUint64, TimeMs: math.MaxUint64,
			ChainTimeMs: math.MaxUint64, Body: body,
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		t.Logf("%s: %d bytes", name, len(leaf))
	}
}
