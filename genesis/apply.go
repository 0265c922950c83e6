package genesis

import (
	"slices"

	"mprd/state"
	"mprd/tx"
)

// Apply writes the document as the state at height 0, but for the validator set, which slashing.Begin elects.
// T and C begin at genesisTimeMs. It writes the same whatever the order in the document, and nothing at all
// if the document is not valid: see Validate.
func (d *Document) Apply(o *state.Overlay, genesisTimeMs uint64) error {
	if genesisTimeMs == 0 {
		return &Error{Path: "genesis_time", Text: "is not set"}
	}
	if err := d.Validate(); err != nil {
		return err
	}
	bundle, err := d.bundle()
	if err != nil {
		return err
	}

	state.ParamsTable.Set(o, state.One{}, d.params())
	state.ClockTable.Set(o, state.One{}, &state.Clock{TimeMs: genesisTimeMs, ChainTimeMs: genesisTimeMs})
	d.applyAccounts(o)
	entities := make(map[tx.Address]string, len(d.Accounts))
	for _, a := range d.Accounts {
		entities[a.Address] = a.Entity
	}
	keys := d.applyValidators(o)
	for _, op := range d.Operators {
		state.Join(o, op.Address, entities[op.Address], op.ExecutorGroups)
		state.Operators.Set(o, op.Address, &state.Operator{
			ExecutorGroups: sorted(op.ExecutorGroups), Stake: op.Stake, StakeLow: op.Stake,
			Reputation: op.Reputation, RegisteredAtMs: genesisTimeMs, ValidatorKey: keys[op.Address],
		})
	}
	state.OperatorCountTable.Set(o, state.One{}, &state.Amount{Units: uint64(len(d.Operators))})
	state.Committees.Set(o, state.CommitteeApprovers, d.Committees.Approvers.row())
	state.Committees.Set(o, state.CommitteeGovernors, d.Committees.Governors.row())
	state.Committees.Set(o, state.CommitteeGuardians, d.Committees.Guardians.row())
	for i := range d.Targets {
		state.Targets.Set(o, d.Targets[i].ID, d.Targets[i].row())
	}
	hash := tx.Digest(bundle.Hash())
	row := &state.Bundle{}
	for _, f := range bundle.Files {
		row.Files = append(row.Files, state.File{Path: f.Path, Content: f.Content})
	}
	state.Policies.Set(o, hash, row)
	state.ActivePolicyTable.Set(o, state.One{}, &state.ActivePolicy{Hash: hash[:]})
	return nil
}

func (d *Document) applyAccounts(o *state.Overlay) {
	supply := d.Pools.Treasury + d.Pools.Rewards + d.Pools.Insurance
	for _, op := range d.Operators {
		supply += op.Stake
	}
	for _, a := range d.Accounts {
		key := &tx.PublicKey{Type: tx.KeyType_KEY_TYPE_ED25519, Key: a.PublicKey}
		state.Accounts.Set(o, a.Address, &state.Account{
			PublicKey: key, Balance: a.Balance, Class: classes[a.Class], Entity: a.Entity, Roles: sorted(a.Roles),
		})
		state.Keys.Set(o, state.KeyIDOf(key), &state.KeyOwner{Address: a.Address[:]})
		supply += a.Balance
	}
	for _, pool := range []struct {
		name  string
		units uint64
	}{
		{state.PoolTreasury, d.Pools.Treasury}, {state.PoolRewards, d.Pools.Rewards},
		{state.PoolInsurance, d.Pools.Insurance},
	} {
		if pool.units > 0 || pool.name == state.PoolTreasury {
			state.Pools.Set(o, pool.name, &state.Amount{Units: pool.units})
		}
	}
	state.SupplyTable.Set(o, state.One{}, &state.Supply{Genesis: supply})
}

// applyValidators writes whose the consensus keys are, and returns them.
func (d *Document) applyValidators(o *state.Overlay) map[tx.Address][]byte {
	keys := make(map[tx.Address][]byte, len(d.Validators))
	for _, v := range d.Validators {
		keys[v.Operator] = v.PublicKey
		state.Validators.Set(o, state.ConsensusKey(v.PublicKey), &state.Validator{Operator: v.Operator[:]})
	}
	return keys
}

func (c Committee) row() *state.Committee {
	row := &state.Committee{Threshold: c.Threshold}
	for _, member := range c.Members {
		row.Members = append(row.Members, member[:])
	}
	slices.SortFunc(row.Members, func(a, b []byte) int {
		return tx.AddressFrom(a).Compare(tx.AddressFrom(b))
	})
	return row
}
