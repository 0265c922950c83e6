package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"mprd/client"
	"mprd/state"
	"mprd/tx"
)

func operatorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "operator", Short: "Register as an operator, stake and unstake, show operators", GroupID: groupUse,
		Long: `An operator requests actions; with a stake and executor groups it also carries them out, and with a
stake and a consensus key it validates (mprd validator). What it earns and what it can lose:
docs/economics.md. Amounts are tokens with at most six decimals.`,
	}
	cmd.AddCommand(registerCommand(), bondCommand(), unbondCommand(), heartbeatCommand(), operatorShowCommand(),
		operatorListCommand())
	return cmd
}

func registerCommand() *cobra.Command {
	var flags txFlags
	var groups []string
	var stake string
	cmd := &cobra.Command{
		Use: "register", Short: "Register the signer as an operator: only operators request actions",
		Long: `With --group the operator also executes for that group's targets: it needs an entity and a stake of
at least the parameter stake_min. What an executor runs is: mprd executor. Without --stake it only requests.`,
		Example: "  mprd operator register --from alice\n" +
			"  mprd operator register --from runner-1 --stake 10000 --group gateways",
		Args: args(0, 0),
		RunE: withSession(&flags, func(s *session, _ []string) error {
			m := &tx.RegisterOperator{ExecutorGroups: slices.Compact(slices.Sorted(slices.Values(groups)))}
			if stake != "" {
				var err error
				if m.Stake, err = parseTokens(stake); err != nil {
					return usageError{fmt.Errorf("--stake: %w", err)}
				}
			}
			return s.submit(&tx.Body{Message: &tx.Body_RegisterOperator{RegisterOperator: m}})
		}),
	}
	flags.add(cmd)
	cmd.Flags().StringSliceVar(&groups, "group", nil, "executor group to execute for; repeat for more")
	cmd.Flags().StringVar(&stake, "stake", "", "tokens to stake, from the signer's balance")
	return cmd
}

// amount reads tokens that are to move: more than nothing.
func amount(text string) (uint64, error) {
	units, err := parseTokens(text)
	if err == nil && units == 0 {
		err = errors.New("the amount is nothing")
	}
	if err != nil {
		return 0, usageError{err}
	}
	return units, nil
}

func bondCommand() *cobra.Command {
	var flags txFlags
	cmd := &cobra.Command{
		Use: "bond TOKENS", Short: "Add to the signer's stake; it earns from the next epoch on",
		Example: "  mprd operator bond 2500 --from runner-1", Args: args(1, 1),
		RunE: withSession(&flags, func(s *session, args []string) error {
			units, err := amount(args[0])
			if err != nil {
				return err
			}
			return s.submit(&tx.Body{Message: &tx.Body_Bond{Bond: &tx.Bond{Amount: units}}})
		}),
	}
	flags.add(cmd)
	return cmd
}

func unbondCommand() *cobra.Command {
	var flags txFlags
	cmd := &cobra.Command{
		Use: "unbond TOKENS", Short: "Take from the signer's stake; it comes back when it has unbonded",
		Long: `What unbonds earns nothing and covers nothing from now on, and can still be slashed for what was done
before. It comes back when the unbonding time is over on the chain clock and in blocks, above what open cases
hold. What stays is nothing or at least the parameter stake_min.`,
		Example: "  mprd operator unbond 2500 --from runner-1", Args: args(1, 1),
		RunE: withSession(&flags, func(s *session, args []string) error {
			units, err := amount(args[0])
			if err != nil {
				return err
			}
			if err := s.sayUnbonding(units); err != nil {
				return err
			}
			return s.submit(&tx.Body{Message: &tx.Body_Unbond{Unbond: &tx.Unbond{Amount: units}}})
		}),
	}
	flags.add(cmd)
	return cmd
}

// sayUnbonding says when stake that begins to unbond now comes back.
func (s *session) sayUnbonding(units uint64) error {
	v, err := s.client.View(s.ctx())
	if err != nil {
		return err
	}
	p := &v.Params.Economics
	back := v.UntilBoth(v.Clock.ChainTimeMs+p.UnbondingMs, v.Height+p.UnbondingBlocks())
	say(s.cmd, "%s tokens stop earning and covering now; they come back %s,\n  unless an open case holds them",
		tokens(units), back)
	return nil
}

func heartbeatCommand() *cobra.Command {
	var flags txFlags
	cmd := &cobra.Command{
		Use: "heartbeat", Short: "Give the signer's sign of life in this slot: the first one is free",
		Long: `An operator that does not validate is measured by its heartbeats: one in each slot of the parameter
heartbeat_ms. mprd executor sends them by itself. A second one in a slot is refused, and pays.`,
		Example: "  mprd operator heartbeat --from runner-1", Args: args(0, 0),
		RunE: withSession(&flags, func(s *session, _ []string) error {
			return s.submit(&tx.Body{Message: &tx.Body_Heartbeat{Heartbeat: &tx.Heartbeat{}}})
		}),
	}
	flags.add(cmd)
	return cmd
}

func (s *session) operator(a tx.Address) (*state.Operator, error) {
	o := &state.Operator{}
	err := s.client.Row(s.ctx(), "operators", a[:], o)
	return o, err
}

// own is the operator that a command is about: the one named, else the only one whose key is in the keystore.
func (s *session) own(v *client.View, args []string) (tx.Address, error) {
	if len(args) > 0 {
		return addressOf(s.options, args[0])
	}
	store, err := openKeys(s.options, 0)
	if err != nil {
		return tx.Address{}, err
	}
	list, err := store.List()
	if err != nil {
		return tx.Address{}, err
	}
	var found []tx.Address
	for _, info := range list {
		there, err := v.Row(s.ctx(), "operators", info.Address[:], &state.Operator{})
		if err != nil {
			return tx.Address{}, err
		}
		if there {
			found = append(found, info.Address)
		}
	}
	if len(found) != 1 {
		return tx.Address{}, usageError{fmt.Errorf("%d of the keystore's keys are operators'; name one",
			len(found))}
	}
	return found[0], nil
}
