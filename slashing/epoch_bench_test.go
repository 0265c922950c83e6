package slashing_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"testing"
	"time"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

// BenchmarkEpoch settles an epoch of 2000 operators, all of whom are paid, given vouchers, and moved in their
// reputation: the steps alone, and with what the store makes of their writes. The block before and after an
// epoch's end is the rest of the table.
func BenchmarkEpoch(b *testing.B) {
	const operators = 2000
	e := newEconomy(b, func(doc, _ map[string]any) { populate(doc, operators) })
	for range b.N {
		var before []*state.Operator
		var keys []tx.Address
		state.Operators.Range(e.Overlay(), nil, operators, func(key []byte, row *state.Operator) bool {
			before, keys = append(before, row), append(keys, tx.AddressFrom(key))
			return true
		})
		e.Edit(func(o *state.Overlay) { // everybody was there
			for i, row := range before {
				row.Heartbeats = 6
				state.Operators.Set(o, keys[i], row)
				state.Duties.Set(o, keys[i], &state.Duty{Done: 3, DoneWork: 3000})
			}
		})
		for number := e.epochNumber(); ; {
			began := time.Now()
			block, release := e.BeginAfter(economyBlockMs)
			outcome := block.Finish()
			steps := time.Since(began)
			release()
			leaves := len(outcome.Leaves)
			began = time.Now()
			e.Commit(outcome)
			stored := time.Since(began)
			if e.epochNumber() == number {
				continue
			}
			b.ReportMetric(float64(steps.Microseconds())/1000, "ms-steps")
			b.ReportMetric(float64(stored.Microseconds())/1000, "ms-store")
			b.ReportMetric(float64(leaves), "records")
			break
		}
	}
}

// populate adds operators with stake until there are as many.
func populate(doc map[string]any, most int) {
	accounts := doc["accounts"].([]map[string]any)
	operators := doc["operators"].([]map[string]any)
	for i := 0; len(operators) < most; i++ {
		seed := sha256.Sum256(fmt.Appendf(nil, "operator %d", i))
		key, err := tx.KeyFromSeed(seed[:])
		if err != nil {
			panic(err)
		}
		accounts = append(accounts, map[string]any{
			"address": key.Address(), "public_key": hex.EncodeToString(key.PublicKey().Key),
			"balance": uint64(testchain.Balance), "class": "service", "entity": fmt.Sprintf("entity-%d", i),
			"roles": []string{},
		})
		operators = append(operators, map[string]any{
			"address": key.Address(), "executor_groups": []string{}, "stake": uint64(10_000 * tok),
			"reputation": 500_000,
		})
	}
	doc["accounts"], doc["operators"] = slices.Clip(accounts), slices.Clip(operators)
}
