package simulation

import "mprd/economics"

// payFee takes a fee from an account, up to half of it in vouchers, and routes it.
func (w *world) payFee(who int, fee uint64) error {
	redeemed, err := w.p.Redeem(fee, w.money.held(who))
	if err != nil {
		return err
	}
	if w.money.account[who] < fee-redeemed {
		fee, redeemed = w.money.account[who], 0 // the assignee's first receipt is free for who has nothing
	}
	redeemed = w.money.spendVouchers(who, redeemed)
	if who < len(w.operators) {
		w.operators[who].vouchers += redeemed
	}
	parts, err := w.p.Route(fee)
	if err != nil {
		return err
	}
	var collected uint64
	if err := move(&w.money.pool[voucherEscrow], &collected, redeemed); err != nil {
		return err
	}
	if err := move(&w.money.account[who], &collected, fee-redeemed); err != nil {
		return err
	}
	for _, part := range []struct {
		to     pool
		amount uint64
	}{
		{rewards, parts.RewardPool}, {burnEscrow, parts.BurnEscrow}, {treasury, parts.Treasury},
		{insurance, parts.Insurance},
	} {
		if err := move(&collected, &w.money.pool[part.to], part.amount); err != nil {
			return err
		}
	}
	return nil
}

// endEpoch does, in an epoch's last block: liveness verdicts, rewards, vouchers, burn.
func (w *world) endEpoch() error {
	if w.height%w.config.EpochBlocks != 0 {
		return nil
	}
	if err := w.verdicts(); err != nil {
		return err
	}
	if err := w.pay(); err != nil {
		return err
	}
	if err := w.money.expire(w.epoch); err != nil {
		return err
	}
	w.epoch++
	for i := range w.operators {
		o := &w.operators[i]
		o.leastStake = w.money.active[i]
		o.seen, o.expected, o.gasDone, o.gasAssigned = 0, 0, 0, 0
		if o.kind != Idle && !o.tombstoned {
			before, _ := economics.MulDiv(w.config.CostMonth, w.epoch-1, w.p.EpochsPerMonth)
			after, _ := economics.MulDiv(w.config.CostMonth, w.epoch, w.p.EpochsPerMonth)
			o.cost += after - before
		}
		w.series[i] = append(w.series[i], w.utility(i))
	}
	return nil
}

// verdicts judges who has been evaluated often enough, opens a case (class B, no reporter) and suspends.
func (w *world) verdicts() error {
	for i := range w.operators {
		o := &w.operators[i]
		judged, live, err := w.p.Live(o.doneCount, o.evaluated, uint64(len(o.failedFor)))
		if err != nil {
			return err
		}
		if !judged {
			continue
		}
		o.doneCount, o.evaluated, o.failedFor = 0, 0, nil
		for _, r := range o.missed {
			w.free(r)
		}
		o.missed = nil
		if live || o.tombstoned {
			continue
		}
		o.faults++
		o.suspendedUntil = w.epoch + 1 + w.p.SuspensionEpochs(o.faults)
		amount, err := economics.Slash(w.money.active[i], w.p.SlashLive)
		if err != nil {
			return err
		}
		w.cases = append(w.cases, &dispute{accused: i, amount: amount, reporter: none, accuser: none,
			due: w.height + w.blocks(w.p.DisputeComputedMs)})
	}
	return nil
}

// pay settles the burn escrow, pays the rewards and issues the vouchers of an epoch.
func (w *world) pay() error {
	targets, scores := make([]uint64, len(w.operators)), make([]uint64, len(w.operators))
	var total uint64
	for i := range w.operators {
		o := &w.operators[i]
		score, err := w.score(o)
		if err != nil {
			return err
		}
		scores[i] = score
		if o.reputation, err = w.p.Reputation(o.reputation, score); err != nil {
			return err
		}
		if targets[i], o.carry, err = w.p.RewardTarget(o.leastStake, score, o.carry); err != nil {
			return err
		}
		total += targets[i]
	}
	reward := &w.money.pool[rewards]
	recovered, burned, err := w.p.Burn(w.money.pool[burnEscrow], *reward, total)
	if err != nil {
		return err
	}
	if err := move(&w.money.pool[burnEscrow], reward, recovered); err != nil {
		return err
	}
	if err := move(&w.money.pool[burnEscrow], &w.money.burned, burned); err != nil {
		return err
	}
	paid, err := economics.Payouts(*reward, targets)
	if err != nil {
		return err
	}
	for i, amount := range paid {
		w.operators[i].reward += amount
		if err := move(reward, &w.money.account[i], amount); err != nil {
			return err
		}
	}
	issued, err := w.p.Vouchers(*reward, targets, scores)
	if err != nil {
		return err
	}
	for i, amount := range issued {
		if amount == 0 {
			continue
		}
		if err := move(reward, &w.money.pool[voucherEscrow], amount); err != nil {
			return err
		}
		w.money.vouchers[i] = append(w.money.vouchers[i], voucher{w.p.VoucherExpires(w.epoch), amount})
	}
	return nil
}

// score is L of the epoch, 0 for who is suspended or out.
func (w *world) score(o *operator) (uint64, error) {
	if !o.answerable(w.epoch) {
		return 0, nil
	}
	uptime, err := w.p.Uptime(o.seen, o.expected)
	if err != nil {
		return 0, err
	}
	throughput, err := w.p.Throughput(o.gasDone, o.gasAssigned)
	if err != nil {
		return 0, err
	}
	return economics.Score(uptime, throughput)
}

// utility is what an agent has more than at genesis, with its bribes, less its costs; base units.
func (w *world) utility(i int) int64 {
	o := &w.operators[i]
	has := w.money.account[i] + w.money.active[i] + w.money.unbonding[i] + w.bonded(i) + o.external
	return int64(has) - int64(w.config.Stake+w.config.Balance+o.cost)
}
