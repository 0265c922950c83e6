package app_test

import (
	"testing"

	"mprd/internal/testchain"
	"mprd/state"
	"mprd/tx"
)

const year = uint64(365 * 24 * 3_600_000) // ms

// TestParametersAtTheEndsOfTheirRangesStopNoChain: a genesis document may set them so. Blocks with a silent
// validator, one that signs twice, heartbeats, stake that goes, an operator that contradicts itself and short
// epochs go on, and the chain's invariants hold after each.
func TestParametersAtTheEndsOfTheirRangesStopNoChain(t *testing.T) {
	for name, values := range map[string]map[string]any{
		"short": {
			"dispute_objective_ms": 1, "dispute_computed_ms": 1, "dispute_subjective_ms": 1,
			"resolve_ms": 1, "extension_ms": 0, "report_ms": 20_000, "unbonding_ms": 20_002,
			"target_block_ms": 1, "finality_ms": 1,
			"heartbeat_ms": 1000, "jail_ms": 1, "downtime_blocks": 10, "voucher_epochs": 1, "cases_max": 1,
			"suspension_epochs_max": 1, "evaluated_min": 1, "failures_min": 1, "requesters_min": 1,
			"reputation_epochs": 1, "slash_downtime": 1_000_000,
		},
		"long": {
			"dispute_objective_ms": year, "dispute_computed_ms": year, "dispute_subjective_ms": year,
			"resolve_ms": year, "extension_ms": year, "report_ms": year, "unbonding_ms": 5 * year,
			"target_block_ms": 3_600_000, "finality_ms": year, "heartbeat_ms": 5000, "jail_ms": year,
			"downtime_blocks": 1_000_000, "voucher_epochs": 100_000, "cases_max": 10_000,
			"suspension_epochs_max": 10_000, "evaluated_min": 1_000_000, "reputation_epochs": 10_000,
		},
		"dear": {
			"slash_live": 1_000_000, "slash_false": 1_000_000, "slash_equivocation": 1_000_000,
			"slash_double_sign": 1_000_000, "slash_downtime": 1_000_000, "whistle_rate": 500_000,
			"bond_rate":    1_000_000,
			"route_reward": 1_000_000, "route_burn": 0, "route_treasury": 0, "route_insurance": 0,
			"recover_rate": 1_000_000, "voucher_budget": 1_000_000, "voucher_score_min": 0,
			"voucher_fee_max": 1_000_000, "value_price": 1_000_000, "downtime_rate": 666_666,
			"jail_meter": 333_333, "downtime_blocks": 10, "reward_rate": 1_000_000, "epochs_per_month": 1,
			"heartbeat_ms": 1000, "target_block_ms": 1,
		},
		"one power": {"power_unit": 1, "validators_min": 1, "validators_max": 250, "downtime_blocks": 10,
			"heartbeat_ms": 5000},
		"few powers": {"power_unit": uint64(2_500 * token), "validators_min": 4, "validators_max": 4,
			"downtime_blocks": 10, "heartbeat_ms": 5000, "slash_double_sign": 1_000_000},
	} {
		t.Run(name, func(t *testing.T) {
			c := testchain.New(t, both(testchain.WithValidators, economy(values), func(doc map[string]any) {
				p := doc["params"].(map[string]any)
				p["epoch_ms"], p["epoch_blocks_min"] = 5_000, 1
			}))
			first, second := twice(c, "exec-1")
			voted(c, "val-1", c.Tx("outsider", testchain.ProposeNonce(first, second)),
				c.Tx("exec-2", testchain.Unbond(10_000*token)), c.Tx("exec-3", testchain.Heartbeat()))
			c.Misbehavior = []state.Misbehavior{{
				Infraction: tx.Infraction_INFRACTION_DOUBLE_SIGN, Height: c.Height, Power: 1 << 59,
				Validator: named(testchain.ConsensusKey("val-4")),
			}}
			voted(c, "val-1", c.Tx("agent-a", testchain.Request("gw-run", testchain.Scale(6))))
			for range 100 {
				voted(c, "val-1")
			}
			if n := state.EpochTable.Load(c.Overlay(), state.One{}).Number; n < 5 {
				t.Errorf("epoch %d", n)
			}
			cases := state.CaseCounterTable.Load(c.Overlay(), state.One{}).Last
			if len(setOf(c)) == 0 || cases < 2 {
				t.Errorf("the set is %v, %d cases", setOf(c), cases)
			}
		})
	}
}

// twice are two txs of a name's under one nonce.
func twice(c *testchain.Chain, who string) (first, second []byte) {
	c.T.Helper()
	bodies := []*tx.Body{
		c.Body(who, testchain.Transfer(testchain.Address("plain"), 1)),
		c.Body(who, testchain.Transfer(testchain.Address("plain"), 2)),
	}
	bodies[1].Token.Nonce = bodies[0].Token.Nonce
	var raw [][]byte
	for _, body := range bodies {
		if _, err := body.Seal(); err != nil {
			c.T.Fatal(err)
		}
		signed, err := tx.Sign(body, testchain.Key(who))
		if err != nil {
			c.T.Fatal(err)
		}
		raw = append(raw, signed)
	}
	return raw[0], raw[1]
}
