package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	cmtjson "github.com/cometbft/cometbft/libs/json"
	"github.com/cometbft/cometbft/privval"
	"github.com/spf13/cobra"

	"mprd/abci"
	"mprd/client"
	"mprd/tx"
)

func validatorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "validator", Short: "Validate with a stake, leave, show who validates", GroupID: groupUse,
		Long: `An operator with a stake of at least the parameter stake_min may give itself a consensus key.
At the end of each epoch the operators with the highest stakes are elected; power is stake. What a
validator can lose, and how one joins and leaves: docs/operations.md, "Validators".`,
	}
	cmd.AddCommand(validatorRegisterCommand(), unjailCommand(), leaveCommand(), validatorListCommand(),
		validatorShowCommand())
	return cmd
}

func validatorRegisterCommand() *cobra.Command {
	var flags txFlags
	var file string
	cmd := &cobra.Command{
		Use: "register", Short: "Give the signer's operator the consensus key of its node",
		Long: `The consensus key signs that it belongs to this operator; it is read from CometBFT's file and never
leaves this machine. A key belongs to one operator for ever. Start the node first and let it catch up:
from its election on it is expected to sign, and is jailed if it does not.

Where the operator's own key is not on the validator's machine: make the draft there with --generate-only
and --account ADDRESS, and sign it where the key is, with mprd tx sign. With --chain-id and --max-fee no
node is asked.`,
		Example: "  mprd validator register --from val-5\n" +
			"  mprd validator register --key-file node4/config/priv_validator_key.json --from val-5\n" +
			"  mprd validator register --account mprd1… --chain-id mprd-1 --max-fee 20000 --generate-only > draft",
		Args: args(0, 0),
		RunE: withSession(&flags, func(s *session, _ []string) error {
			operator, err := s.signer()
			if err != nil {
				return err
			}
			if file == "" {
				file = abci.PathsOf(s.options.Home).ValidatorKey
			}
			key, err := readConsensusKey(file)
			if err != nil {
				return err
			}
			chainID, err := s.client.ChainID(s.ctx())
			if err != nil {
				return err
			}
			m, err := tx.SignPossession(chainID, operator, key)
			if err != nil {
				return err
			}
			say(s.cmd, "consensus key %x of %s", key.PublicKey().Key, file)
			return s.submit(&tx.Body{Message: &tx.Body_RegisterValidator{RegisterValidator: m}})
		}),
	}
	flags.add(cmd)
	cmd.Flags().StringVar(&file, "key-file", "",
		"CometBFT's file of the consensus key (default HOME/config/priv_validator_key.json)")
	return cmd
}

// readConsensusKey reads CometBFT's file, and holds that its halves belong together.
func readConsensusKey(path string) (*tx.Key, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file privval.FilePVKey
	if err := cmtjson.Unmarshal(raw, &file); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	private, ok := file.PrivKey.(cmted25519.PrivKey)
	if !ok || len(private) != cmted25519.PrivateKeySize {
		return nil, fmt.Errorf("%s: not an ed25519 key", path)
	}
	key, err := tx.KeyFromSeed(private[:cmted25519.SeedSize])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if file.PubKey == nil || !bytes.Equal(file.PubKey.Bytes(), key.PublicKey().Key) {
		return nil, fmt.Errorf("%s: the public key is not the private one's", path)
	}
	return key, nil
}

func unjailCommand() *cobra.Command {
	var flags txFlags
	cmd := &cobra.Command{
		Use: "unjail", Short: "Ask for the signer's jailed validator to be elected again",
		Long: `It is, at the end of the epoch, if the time in jail is over, its stake is at least stake_min
and no case of class A or B is open against it. See first that the node runs and signs.`,
		Example: "  mprd validator unjail --from val-5", Args: args(0, 0),
		RunE: withSession(&flags, func(s *session, _ []string) error {
			return s.submit(&tx.Body{Message: &tx.Body_Unjail{Unjail: &tx.Unjail{}}})
		}),
	}
	flags.add(cmd)
	return cmd
}

func leaveCommand() *cobra.Command {
	var flags txFlags
	cmd := &cobra.Command{
		Use: "leave", Short: "Unbond all of the signer's stake: it is not elected again",
		Long: `The stake stops earning at once, and the operator executes nothing more. The validator stays
in the set until the epoch ends, and then leaves it gradually, so that the set never changes by more
than a third at once. Keep the node running until mprd validator show says that it has left: who is
down while in the set is jailed. The stake comes back when it has unbonded, above what open cases
hold; until then it can be slashed.`,
		Example: "  mprd validator leave --from val-5 --dry-run\n  mprd validator leave --from val-5",
		Args:    args(0, 0),
		RunE: withSession(&flags, func(s *session, _ []string) error {
			operator, err := s.signer()
			if err != nil {
				return err
			}
			v, err := s.client.View(s.ctx())
			if err != nil {
				return err
			}
			standing, err := v.Standing(s.ctx(), operator)
			if err != nil {
				return err
			}
			if len(standing.Operator.ValidatorKey) == 0 {
				return fmt.Errorf("%w: %s has no consensus key, so it does not validate; to unbond: mprd operator unbond",
					client.ErrNotFound, operator)
			}
			if standing.Operator.Stake == 0 {
				return fmt.Errorf("%w: %s has no active stake: it has left, or never validated", client.ErrNotFound,
					operator)
			}
			s.sayLeaving(v, standing)
			if err := s.sayUnbonding(standing.Operator.Stake); err != nil {
				return err
			}
			m := &tx.Unbond{Amount: standing.Operator.Stake}
			return s.submit(&tx.Body{Message: &tx.Body_Unbond{Unbond: m}})
		}),
	}
	flags.add(cmd)
	return cmd
}

// sayLeaving says when an operator that unbonds everything is out of the set.
func (s *session) sayLeaving(v *client.View, standing *client.Standing) {
	if standing.Power == 0 {
		say(s.cmd, "it is not in the validator set now")
		return
	}
	say(s.cmd, "it validates with a power of %d; the epoch ends %s,\n  and the set is without it some blocks "+
		"after that: let the node run until then", standing.Power, v.EpochEnd())
}

// errNoValidator: an operator has no consensus key.
var errNoValidator = errors.New("it has no consensus key: mprd validator register")
