package genesis

import (
	"mprd/policy"
	"mprd/state"
	"mprd/tx"
)

// document reads an app_state. What a member that is absent means is said at Document.
func (r *reader) document(d *Document) func(path string) {
	return func(path string) {
		r.object(path,
			member{"params", false, func(path string) {
				d.Params = state.DefaultParams() // those that are named override the defaults one by one
				r.object(path, r.fields(d.Params)...)
			}},
			member{"accounts", true, r.list(AccountsMax, func(path string) {
				d.Accounts = append(d.Accounts, r.account(path))
			})},
			member{"operators", false, r.list(OperatorsMax, func(path string) {
				d.Operators = append(d.Operators, r.operator(path))
			})},
			member{"validators", false, r.list(ValidatorsMax, func(path string) {
				d.Validators = append(d.Validators, r.validator(path))
			})},
			member{"committees", true, func(path string) {
				r.object(path,
					member{"approvers", true, r.committee(&d.Committees.Approvers)},
					member{"governors", true, r.committee(&d.Committees.Governors)},
					member{"guardians", true, r.committee(&d.Committees.Guardians)},
				)
			}},
			member{"targets", false, r.list(TargetsMax, func(path string) {
				d.Targets = append(d.Targets, r.target(path))
			})},
			member{"pools", false, func(path string) {
				r.object(path,
					member{"treasury", false, r.amount(&d.Pools.Treasury)},
					member{"rewards", false, r.amount(&d.Pools.Rewards)},
					member{"insurance", false, r.amount(&d.Pools.Insurance)},
				)
			}},
			member{"policy", false, r.texts(policy.FilesMax, &d.Policy)},
		)
	}
}

func (r *reader) account(path string) (a Account) {
	r.object(path,
		member{"address", true, r.address(&a.Address)},
		member{"public_key", true, r.hex(tx.KeyBytes, &a.PublicKey)},
		member{"balance", true, r.amount(&a.Balance)},
		member{"class", true, r.text(&a.Class)},
		member{"entity", false, r.text(&a.Entity)},
		member{"roles", false, r.strings(RolesMax, &a.Roles)},
	)
	return a
}

func (r *reader) operator(path string) (o Operator) {
	r.object(path,
		member{"address", true, r.address(&o.Address)},
		member{"executor_groups", false, r.strings(tx.GroupsMax, &o.ExecutorGroups)},
		member{"stake", false, r.amount(&o.Stake)},
		member{"reputation", false, r.number(&o.Reputation)},
	)
	return o
}

func (r *reader) validator(path string) (v Validator) {
	r.object(path,
		member{"operator", true, r.address(&v.Operator)},
		member{"public_key", false, r.hex(tx.KeyBytes, &v.PublicKey)},
	)
	return v
}

func (r *reader) committee(c *Committee) func(path string) {
	return func(path string) {
		r.object(path,
			member{"members", true, r.list(MembersMax, func(path string) {
				var address tx.Address
				r.address(&address)(path)
				c.Members = append(c.Members, address)
			})},
			member{"threshold", true, r.number32(&c.Threshold)},
		)
	}
}

func (r *reader) target(path string) (t Target) {
	r.object(path,
		member{"id", true, r.text(&t.ID)},
		member{"fleet", true, r.text(&t.Fleet)},
		member{"tier", true, r.text(&t.Tier)},
		member{"region", true, r.text(&t.Region)},
		member{"critical", true, r.flag(&t.Critical)},
		member{"labels", false, r.texts(LabelsMax, &t.Labels)},
		member{"executor_group", true, r.text(&t.ExecutorGroup)},
		member{"idempotent", false, r.flag(&t.Idempotent)},
		member{"fenced", false, r.flag(&t.Fenced)},
		member{"value_at_risk_min", false, r.amount(&t.ValueAtRiskMin)},
		member{"bounds", true, r.bounds(&t.Bounds)},
		member{"spec", true, r.spec(&t.Spec)},
	)
	return t
}

func (r *reader) bounds(b *Bounds) func(path string) {
	return func(path string) {
		r.object(path,
			member{"replicas_min", false, r.number32(&b.ReplicasMin)},
			member{"replicas_max", false, r.number32(&b.ReplicasMax)},
			member{"requests_per_second_max", false, r.number(&b.RequestsPerSecondMax)},
			member{"burst_max", false, r.number(&b.BurstMax)},
			member{"backends", false, r.strings(tx.BackendsMax, &b.Backends)},
			member{"credentials", false, r.strings(CredentialsMax, &b.Credentials)},
		)
	}
}

func (r *reader) spec(s *Spec) func(path string) {
	return func(path string) {
		r.object(path,
			member{"generation", true, r.number(&s.Generation)},
			member{"backends", false, r.list(tx.BackendsMax, func(path string) {
				var b Backend
				r.object(path,
					member{"name", true, r.text(&b.Name)},
					member{"weight_bps", true, r.number32(&b.WeightBps)},
				)
				s.Backends = append(s.Backends, b)
			})},
			member{"requests_per_second", false, r.number(&s.RequestsPerSecond)},
			member{"burst", false, r.number(&s.Burst)},
			member{"paused", false, r.flag(&s.Paused)},
			member{"replicas", false, r.number32(&s.Replicas)},
			member{"credentials", false, r.list(CredentialsMax, func(path string) {
				var c Credential
				r.object(path,
					member{"name", true, r.text(&c.Name)},
					member{"version", true, r.text(&c.Version)},
					member{"digest", true, r.hex(tx.HashBytes, &c.Digest)},
				)
				s.Credentials = append(s.Credentials, c)
			})},
		)
	}
}
