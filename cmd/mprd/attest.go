package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"mprd/state"
	"mprd/tx"
)

func attestCommand() *cobra.Command {
	var flags txFlags
	var result, hash string
	cmd := &cobra.Command{
		Use:   "attest ACTION",
		Short: "Say, as a drawn witness, that one saw the result of a high-impact action",
		Long: `A chain may ask witnesses to attest what executors say they did (parameters witnesses and
attestations_min). Look at the target yourself, write what you read back, as the receipt's driver
writes it, to a file, and attest it: the hash is made with the executor and the fencing token that
the chain has. It must be the receipt's, and come within one attempt's time of the outcome.`,
		Example: "  mprd action attest ID --result seen.json --from witness",
		Args:    args(1, 1),
		RunE: withSession(&flags, func(s *session, args []string) error {
			id, err := actionID(args[0])
			if err != nil {
				return err
			}
			return s.attest(id, result, hash)
		}),
	}
	flags.add(cmd)
	cmd.Flags().StringVar(&result, "result", "", "file with what was read back from the target, byte for byte")
	cmd.Flags().StringVar(&hash, "result-hash", "", "hash of the result instead, hex")
	return cmd
}

func (s *session) attest(id tx.Digest, result, hash string) error {
	witness, err := s.signer()
	if err != nil {
		return err
	}
	attestation := &tx.Attestation{ActionId: id[:], Witness: witness[:]}
	if attestation.ResultHash, err = s.seen(id, result, hash); err != nil {
		return err
	}
	key, err := unlock(s.cmd, s.options, s.flags.from)
	if err != nil {
		return err
	}
	chainID, err := s.client.ChainID(s.ctx())
	if err != nil {
		return err
	}
	if err := tx.SignAttestation(chainID, attestation, key); err != nil {
		return err
	}
	return s.submit(&tx.Body{Message: &tx.Body_Attest{Attest: &tx.Attest{Attestation: attestation}}})
}

// seen is the hash of what a witness saw, under the attempt that the chain has as done.
func (s *session) seen(id tx.Digest, result, hash string) ([]byte, error) {
	if (result == "") == (hash == "") {
		return nil, usageError{errors.New("name what was seen: --result FILE or --result-hash HEX")}
	}
	if hash != "" {
		raw, err := hex.DecodeString(hash)
		if err != nil || len(raw) != tx.HashBytes {
			return nil, usageError{fmt.Errorf("%q is no hash: 64 hex digits", hash)}
		}
		return raw, nil
	}
	seen, err := os.ReadFile(result)
	if err != nil {
		return nil, err
	}
	var row state.Action
	if err := s.client.Row(s.ctx(), "actions", id[:], &row); err != nil {
		return nil, err
	}
	if row.State != tx.ActionState_ACTION_STATE_DONE || int(row.DoneAttempt) >= len(row.Attempts) {
		return nil, fmt.Errorf("%w: the action is not done", tx.CodeNotInFlight)
	}
	chainID, err := s.client.ChainID(s.ctx())
	if err != nil {
		return nil, err
	}
	executor := tx.AddressFrom(row.Attempts[row.DoneAttempt].Operator)
	sum := tx.ResultHash(chainID, executor, tx.Fence{Counter: row.FenceCounter, Attempt: row.DoneAttempt}, seen)
	return sum[:], nil
}
