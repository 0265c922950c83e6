package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mprd/tx"
)

// requestFlags are what every op takes beside its parameters.
type requestFlags struct {
	txFlags
	resources, generation, valueAtRisk uint64
	policyHash, reason                 string
	patience                           time.Duration
	cosigners                          []string
}

func (f *requestFlags) add(cmd *cobra.Command) {
	f.txFlags.add(cmd)
	flags := cmd.Flags()
	flags.Uint64Var(&f.resources, "resources", 1_000_000, "gas units that the execution may use")
	flags.Uint64Var(&f.generation, "generation", 0, "expected generation of the target (0: any)")
	flags.Uint64Var(&f.valueAtRisk, "value-at-risk", 0, "base units (default: the target's floor)")
	flags.StringVar(&f.policyHash, "policy-hash", "",
		"bundle that the request relies on (default: the active one)")
	flags.StringVar(&f.reason, "reason", "", "why, in a line; it is in the audit log for ever")
	flags.DurationVar(&f.patience, "wait-for", time.Hour, "how long it may wait for approvals")
	flags.StringSliceVar(&f.cosigners, "cosigner", nil,
		"approver whose approval travels with the request; with --generate-only")
}

// op is one of the five, as a command line.
type op struct {
	use, short, example string
	low, high           int
	parse               func(m *tx.RequestAction, args []string) error
}

func requestCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "request",
		Short: "Ask for an action; the policy decides, and people where it reaches far",
		Example: "  mprd action request scale gw-dev 6 --from autoscaler-1 --dry-run\n" +
			"  mprd action request route gw-staging-eu stable=7500 next=2500 --from release-agent-1",
	}
	digest, public := "", ""
	for _, o := range []op{
		{"scale TARGET REPLICAS", "Set the number of replicas", "scale gw-dev 6", 2, 2, parseScale},
		{"throttle TARGET RATE BURST", "Set requests per second and burst", "throttle gw-dev 800 200", 3, 3,
			parseThrottle},
		{"pause TARGET on|off", "Stop a target's traffic, or let it go on", "pause gw-prod-eu on", 2, 2,
			parsePause},
		{"route TARGET BACKEND=BPS…", "Share out the traffic; basis points sum to 10000",
			"route gw-dev stable=9000 next=1000", 2, 1 + tx.BackendsMax, parseRoute},
		{"rotate TARGET CREDENTIAL VERSION", "Change a credential; its public part is named by its digest",
			"rotate gw-prod-eu tls-gateway v7 --public cert.pem", 3, 3,
			func(m *tx.RequestAction, args []string) error { return parseRotate(m, args, digest, public) }},
	} {
		sub := opCommand(o)
		if strings.HasPrefix(o.use, "rotate") {
			sub.Flags().StringVar(&digest, "digest", "", "SHA-256 of the credential's public part, hex")
			sub.Flags().StringVar(&public, "public", "",
				"file with the credential's public part; of a PEM certificate the leaf's DER counts")
		}
		cmd.AddCommand(sub)
	}
	return cmd
}

func opCommand(o op) *cobra.Command {
	flags := requestFlags{txFlags: txFlags{executes: true}}
	cmd := &cobra.Command{
		Use: o.use, Short: o.short, Example: "  mprd action request " + o.example + " --from NAME",
		Args: args(o.low, o.high),
		RunE: withSession(&flags.txFlags, func(s *session, args []string) error {
			m := &tx.RequestAction{Target: args[0]}
			if err := o.parse(m, args[1:]); err != nil {
				return usageError{err}
			}
			return s.request(m, &flags)
		}),
	}
	flags.add(cmd)
	return cmd
}

func (s *session) request(m *tx.RequestAction, f *requestFlags) error {
	m.ResourcesRequired, m.ExpectedGeneration, m.Reason = f.resources, f.generation, f.reason
	m.WaitMs, m.ValueAtRisk = uint64(f.patience.Milliseconds()), f.valueAtRisk
	var err error
	if f.policyHash != "" {
		m.PolicyHash, err = hex.DecodeString(f.policyHash)
	} else {
		m.PolicyHash, err = s.client.ActivePolicy(s.ctx())
	}
	if err != nil {
		return err
	}
	if !s.cmd.Flags().Changed("value-at-risk") {
		if target, err := s.client.Target(s.ctx(), m.Target); err == nil {
			m.ValueAtRisk = target.ValueAtRiskMin
		}
	}
	body := &tx.Body{Message: &tx.Body_RequestAction{RequestAction: m}}
	for _, name := range f.cosigners {
		if !f.generateOnly {
			return usageError{errors.New("--cosigner needs --generate-only: the draft is signed by each of them")}
		}
		a, err := addressOf(s.options, name)
		if err != nil {
			return err
		}
		expires := uint64(time.Now().Add(f.life).UnixMilli())
		body.Cosigners = append(body.Cosigners, &tx.Cosigner{Approver: a[:], ExpiresAtMs: expires})
	}
	return s.submit(body)
}

// whole reads a number of people's.
func whole(what, text string, bits int) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, bits)
	if err != nil {
		return 0, fmt.Errorf("%s: %q, want a whole number that fits %d bits", what, text, bits)
	}
	return n, nil
}

func parseScale(m *tx.RequestAction, args []string) error {
	n, err := whole("replicas", args[0], 32)
	m.Op = &tx.RequestAction_Scale{Scale: &tx.Scale{Replicas: uint32(n)}}
	return err
}

func parseThrottle(m *tx.RequestAction, args []string) error {
	rate, err := whole("requests per second", args[0], 64)
	if err != nil {
		return err
	}
	burst, err := whole("burst", args[1], 64)
	m.Op = &tx.RequestAction_Throttle{Throttle: &tx.Throttle{RequestsPerSecond: rate, Burst: burst}}
	return err
}

func parsePause(m *tx.RequestAction, args []string) error {
	if args[0] != "on" && args[0] != "off" {
		return fmt.Errorf("%q, want on or off", args[0])
	}
	m.Op = &tx.RequestAction_Pause{Pause: &tx.Pause{Paused: args[0] == "on"}}
	return nil
}

func parseRoute(m *tx.RequestAction, args []string) error {
	route := &tx.Route{}
	for _, arg := range args {
		name, share, ok := strings.Cut(arg, "=")
		weight, err := strconv.ParseUint(share, 10, 32)
		if !ok || err != nil {
			return fmt.Errorf("%q, want BACKEND=BASISPOINTS", arg)
		}
		route.Backends = append(route.Backends, &tx.Backend{Name: name, WeightBps: uint32(weight)})
	}
	slices.SortFunc(route.Backends, func(a, b *tx.Backend) int { return strings.Compare(a.Name, b.Name) })
	m.Op = &tx.RequestAction_Route{Route: route}
	return nil
}

// publicDigest names a credential's public part: of a certificate, the SHA-256 of the leaf's DER (the first
// one in a PEM file), as drivers check it (docs/drivers.md); of anything else, that of the file.
func publicDigest(raw []byte) tx.Digest {
	if block, _ := pem.Decode(raw); block != nil && block.Type == "CERTIFICATE" {
		raw = block.Bytes
	}
	return sha256.Sum256(raw)
}

func parseRotate(m *tx.RequestAction, args []string, digest, public string) error {
	rotate := &tx.Rotate{Credential: args[0], Version: args[1]}
	switch {
	case public != "":
		raw, err := os.ReadFile(public)
		if err != nil {
			return err
		}
		sum := publicDigest(raw)
		rotate.Digest = sum[:]
	case digest != "":
		raw, err := hex.DecodeString(digest)
		if err != nil {
			return err
		}
		rotate.Digest = raw
	default:
		return errors.New("name the credential's public part: --public FILE or --digest HEX")
	}
	m.Op = &tx.RequestAction_Rotate{Rotate: rotate}
	return nil
}
