package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"mprd/client"
	"mprd/state"
	"mprd/tx"
)

func accountCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "account", Short: "Show accounts, transfer tokens, rotate keys", GroupID: groupUse,
	}
	cmd.AddCommand(accountShowCommand(), transferCommand(), rotateKeyCommand())
	return cmd
}

func accountShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show NAME|ADDRESS",
		Short:   "Show balance, class, entity and roles",
		Example: "  mprd account show autoscaler-1",
		Args:    args(1, 1),
		RunE: withSession(nil, func(s *session, args []string) error {
			a, err := addressOf(s.options, args[0])
			if err != nil {
				return err
			}
			account, err := s.client.Account(s.ctx(), a)
			if err != nil {
				return err
			}
			_, err = s.operator(a)
			view := accountView(a, account)
			view.Operator = err == nil
			if err != nil && !errors.Is(err, client.ErrNotFound) {
				return err
			}
			return s.options.print(s.cmd, "account", view, view.text)
		}),
	}
}

type accountRow struct {
	Address   tx.Address `json:"address"`
	Balance   uint64     `json:"balance"` // base units
	Class     string     `json:"class"`
	Entity    string     `json:"entity"`
	Roles     []string   `json:"roles"`
	PublicKey string     `json:"public_key"`
	Operator  bool       `json:"operator"`
}

func accountView(a tx.Address, account *state.Account) *accountRow {
	class := strings.ToLower(strings.TrimPrefix(account.Class.String(), "CLASS_"))
	return &accountRow{
		Address: a, Balance: account.Balance, Class: class, Entity: account.Entity, Roles: account.Roles,
		PublicKey: fmt.Sprintf("%x", account.PublicKey.GetKey()),
	}
}

func (r *accountRow) text(w io.Writer) {
	fmt.Fprintf(w, "address   %s\nbalance   %s tokens\nclass     %s\nentity    %s\n", r.Address,
		tokens(r.Balance), r.Class, r.Entity)
	fmt.Fprintf(w, "roles     %s\nkey       %s\noperator  %t\n", strings.Join(r.Roles, ", "), r.PublicKey,
		r.Operator)
}

// tokens shows base units as tokens.
func tokens(units uint64) string {
	return fmt.Sprintf("%d.%06d", units/tx.UnitsPerToken, units%tx.UnitsPerToken)
}

// parseTokens reads tokens with at most six decimals into base units.
func parseTokens(text string) (uint64, error) {
	whole, part, _ := strings.Cut(text, ".")
	if len(part) > 6 {
		return 0, fmt.Errorf("%q has more than six decimals", text)
	}
	units, err := strconv.ParseUint(whole+part+strings.Repeat("0", 6-len(part)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no amount of tokens", text)
	}
	return units, nil
}

func transferCommand() *cobra.Command {
	var flags txFlags
	cmd := &cobra.Command{
		Use:     "transfer NAME|ADDRESS TOKENS",
		Short:   "Send tokens; a new recipient becomes an agent account",
		Example: "  mprd account transfer mprd1… 12.5 --from alice",
		Args:    args(2, 2),
		RunE: withSession(&flags, func(s *session, args []string) error {
			to, err := addressOf(s.options, args[0])
			if err != nil {
				return err
			}
			amount, err := parseTokens(args[1])
			if err != nil {
				return usageError{err}
			}
			return s.submit(&tx.Body{Message: &tx.Body_Transfer{Transfer: &tx.Transfer{To: to[:], Amount: amount}}})
		}),
	}
	flags.add(cmd)
	return cmd
}

func rotateKeyCommand() *cobra.Command {
	var flags txFlags
	cmd := &cobra.Command{
		Use:   "rotate-key NEWKEY",
		Short: "Make another key of the keystore the account's; both sign",
		Long: `Afterwards the account is used with --account ADDRESS --from NEWKEY: its address stays, and a key
belongs to one account for ever.`,
		Example: "  mprd keys add alice-2 && mprd account rotate-key alice-2 --from alice",
		Args:    args(1, 1),
		RunE: withSession(&flags, func(s *session, args []string) error {
			account, err := s.signer()
			if err != nil {
				return err
			}
			chainID, err := s.client.ChainID(s.ctx())
			if err != nil {
				return err
			}
			next, err := unlock(s.cmd, s.options, args[0])
			if err != nil {
				return err
			}
			m, err := tx.SignRotation(chainID, account, next)
			if err != nil {
				return err
			}
			return s.submit(&tx.Body{Message: &tx.Body_RotateKey{RotateKey: m}})
		}),
	}
	flags.add(cmd)
	return cmd
}
