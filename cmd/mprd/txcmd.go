package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"mprd/client"
	"mprd/tx"
)

// fileVersion is the version of draft and approval files.
const fileVersion = 1

// draftFile is an unsigned tx with the signatures that are there so far. Says is for people; Body is signed.
type draftFile struct {
	Version      int               `json:"version"`
	Kind         string            `json:"kind"` // draft
	ChainID      string            `json:"chain_id"`
	Action       string            `json:"action"` // its id, which cosigners sign
	Says         []string          `json:"says"`
	Body         string            `json:"body"` // base64 of the canonical encoding
	Cosignatures map[string]string `json:"cosignatures,omitempty"`
}

// approvalFile is a verdict that was signed offline.
type approvalFile struct {
	Version  int    `json:"version"`
	Kind     string `json:"kind"` // approval
	ChainID  string `json:"chain_id"`
	Approval string `json:"approval"` // base64 of the canonical encoding
}

func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

func readJSON(path, kind string, v any, kindOf func() string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if got := kindOf(); got != kind {
		return fmt.Errorf("%s: a file of kind %q, want %q", path, got, kind)
	}
	return nil
}

func writeDraft(w io.Writer, b *tx.Body) error {
	raw, err := b.Marshal()
	if err != nil {
		return err
	}
	return writeJSON(w, &draftFile{
		Version: fileVersion, Kind: "draft", ChainID: b.ChainId, Action: fmt.Sprintf("%x", b.Token.ActionHash),
		Says: client.Describe(b), Body: base64.StdEncoding.EncodeToString(raw),
	})
}

func readDraft(path string) (*draftFile, *tx.Body, error) {
	f := &draftFile{}
	if err := readJSON(path, "draft", f, func() string { return f.Kind }); err != nil {
		return nil, nil, err
	}
	raw, err := base64.StdEncoding.DecodeString(f.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: body: %w", path, err)
	}
	b := &tx.Body{}
	if err := tx.UnmarshalCanonical(raw, b); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	if b.Token == nil || b.Kind() == 0 {
		return nil, nil, fmt.Errorf("%s: no message or no token in the body", path)
	}
	return f, b, nil
}

func writeApproval(w io.Writer, chainID string, a *tx.Approval) error {
	raw, err := a.Marshal()
	if err != nil {
		return err
	}
	return writeJSON(w, &approvalFile{fileVersion, "approval", chainID, base64.StdEncoding.EncodeToString(raw)})
}

// readApproval reads and checks an approval, so that nobody pays for one that the chain refuses.
func readApproval(path, chainID string) (*tx.Approval, error) {
	f := &approvalFile{}
	if err := readJSON(path, "approval", f, func() string { return f.Kind }); err != nil {
		return nil, err
	}
	raw, err := base64.StdEncoding.DecodeString(f.Approval)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	a := &tx.Approval{}
	if err := tx.UnmarshalCanonical(raw, a); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return a, tx.CheckApproval(chainID, a)
}

func txCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "tx", Short: "Sign drafts offline, cosign, send, decode and wait", GroupID: groupUse,
	}
	cmd.AddCommand(txCosignCommand(), txSignCommand(), txBroadcastCommand(), txWaitCommand(), txDecodeCommand())
	return cmd
}

func txCosignCommand() *cobra.Command {
	var from, account string
	cmd := &cobra.Command{
		Use:     "cosign DRAFT",
		Short:   "Put a cosigner's approval into a draft, offline",
		Example: "  mprd tx cosign draft.json --from alice",
		Args:    args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := optionsOf(cmd)
			if err != nil {
				return err
			}
			draft, body, err := readDraft(args[0])
			if err != nil {
				return err
			}
			s := &session{cmd: cmd, options: o, flags: &txFlags{from: from, account: account}}
			approver, err := s.signer()
			if err != nil {
				return err
			}
			var cosigner *tx.Cosigner
			for _, c := range body.Cosigners {
				if tx.AddressFrom(c.Approver) == approver {
					cosigner = c
				}
			}
			if cosigner == nil {
				return fmt.Errorf("the draft does not name %s as a cosigner", approver)
			}
			s.show(body)
			key, err := unlock(cmd, o, from)
			if err != nil {
				return err
			}
			approval, err := tx.SignApproval(body.ChainId, tx.Digest(body.Token.ActionHash), approver,
				tx.Verdict_VERDICT_APPROVE, cosigner.ExpiresAtMs, key)
			if err != nil {
				return err
			}
			raw, err := approval.Signature.Marshal()
			if err != nil {
				return err
			}
			if draft.Cosignatures == nil {
				draft.Cosignatures = map[string]string{}
			}
			draft.Cosignatures[approver.String()] = base64.StdEncoding.EncodeToString(raw)
			return writeJSON(cmd.OutOrStdout(), draft)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "name of the cosigner's key")
	cmd.Flags().StringVar(&account, "account", "", "the cosigner's account, if its address is not the key's")
	return cmd
}

func txSignCommand() *cobra.Command {
	var from, file string
	cmd := &cobra.Command{
		Use:     "sign DRAFT",
		Short:   "Sign a draft, offline; the tx can then be sent from anywhere",
		Example: "  mprd tx sign draft.json --from alice --file tx.bin",
		Args:    args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := optionsOf(cmd)
			if err != nil {
				return err
			}
			draft, body, err := readDraft(args[0])
			if err != nil {
				return err
			}
			s := &session{cmd: cmd, options: o}
			s.show(body)
			cosignatures, err := draft.signatures(body)
			if err != nil {
				return err
			}
			key, err := unlock(cmd, o, from)
			if err != nil {
				return err
			}
			raw, err := tx.Sign(body, key, cosignatures...)
			if err != nil {
				return err
			}
			return os.WriteFile(file, raw, 0o600)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "name of the signing key")
	cmd.Flags().StringVar(&file, "file", "tx.bin", "where the signed tx goes")
	return cmd
}

// signatures are the cosigners' in the body's order.
func (f *draftFile) signatures(b *tx.Body) ([]*tx.Signature, error) {
	var list []*tx.Signature
	for _, c := range b.Cosigners {
		approver := tx.AddressFrom(c.Approver)
		raw, err := base64.StdEncoding.DecodeString(f.Cosignatures[approver.String()])
		if err != nil || len(raw) == 0 {
			return nil, fmt.Errorf("cosigner %s has not signed yet: mprd tx cosign", approver)
		}
		s := &tx.Signature{}
		if err := tx.UnmarshalCanonical(raw, s); err != nil {
			return nil, fmt.Errorf("cosigner %s: %w", approver, err)
		}
		list = append(list, s)
	}
	return list, nil
}

func txBroadcastCommand() *cobra.Command {
	var flags txFlags
	cmd := &cobra.Command{
		Use: "broadcast FILE", Short: "Send a signed tx; sending it twice is harmless", Args: args(1, 1),
		RunE: withSession(&flags, func(s *session, args []string) error {
			raw, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			return s.send(raw)
		}),
	}
	cmd.Flags().StringVar(&flags.wait, "wait", waitCommitted, "return when the tx is: accepted, committed")
	cmd.Flags().DurationVar(&flags.timeout, "timeout", 30*time.Second, "how long to wait for it to be committed")
	return cmd
}

func txWaitCommand() *cobra.Command {
	flags := txFlags{wait: waitCommitted}
	cmd := &cobra.Command{
		Use: "wait HASH", Short: "Wait for a tx that was sent, from any machine", Args: args(1, 1),
		RunE: withSession(&flags, func(s *session, args []string) error {
			hash, err := actionID(args[0])
			if err != nil {
				return err
			}
			return s.await(hash)
		}),
	}
	cmd.Flags().DurationVar(&flags.timeout, "timeout", 30*time.Second, "how long to wait")
	return cmd
}

func txDecodeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "decode FILE", Short: "Say what a signed tx or a draft holds, and whether it is well-formed",
		Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			raw, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			decoded, err := tx.Decode(raw)
			if err != nil {
				if _, body, draftErr := readDraft(args[0]); draftErr == nil {
					for _, line := range client.Describe(body) {
						fmt.Fprintln(cmd.OutOrStdout(), line)
					}
					return nil
				}
				return err
			}
			for _, line := range client.Describe(decoded.Body) {
				fmt.Fprintln(cmd.OutOrStdout(), line)
			}
			checked := decoded.Check(decoded.Body.ChainId, tx.Plain{})
			var code *tx.Code
			if errors.As(checked, &code) {
				fmt.Fprintf(cmd.OutOrStdout(), "refused by every node: %s\n", describe(checked))
				return silent(exitFailed)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "well-formed, %d signatures good; hash %x\n", len(decoded.Claims()),
				decoded.Hash)
			return checked
		},
	}
}
