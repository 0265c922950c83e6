// Package genesis is the document that a chain begins with: its JSON form, what makes it valid, and how it
// becomes state. The document is the app_state of CometBFT's genesis file, or stands alone while people edit
// it, then without the policy, which lies beside it as a folder. It knows no file and no clock.
package genesis

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"

	"mprd/policy"
	"mprd/state"
	"mprd/tx"
)

// Limits of a document. Each is hit by a test.
const (
	AccountsMax      = 100_000
	OperatorsMax     = 10_000 // read at all; params.operators_max bounds it further
	TargetsMax       = 100_000
	MembersMax       = 64
	RolesMax         = 16
	LabelsMax        = 64
	CredentialsMax   = 64
	RateMax          = 1_000_000_000_000 // of requests per second and bursts: products stay inside 63 bits
	DocumentBytesMax = 128 << 20
)

// Document is the genesis of a chain. What it leaves out has the zero value; absent params are the defaults.
type Document struct {
	Params     *state.Params `json:"-"` // written by JSON, which must not leave zeros out
	Accounts   []Account     `json:"accounts,omitempty"`
	Operators  []Operator    `json:"operators,omitempty"`
	Validators []Validator   `json:"validators,omitempty"` // none: CometBFT's genesis file says who validates
	Committees Committees    `json:"committees"`
	Targets    []Target      `json:"targets,omitempty"`
	Pools      Pools         `json:"pools"`
	// Policy is the active bundle: path -> text.
	Policy map[string]string `json:"policy,omitempty"`
}

// Account is one account. Class, entity and roles come from here and from governance alone.
type Account struct {
	Address   tx.Address `json:"address"`    // must be the public key's
	PublicKey hexBytes   `json:"public_key"` // ed25519, 32 bytes
	Balance   uint64     `json:"balance"`    // base units
	Class     string     `json:"class"`      // human, agent or service
	Entity    string     `json:"entity"`
	Roles     []string   `json:"roles,omitempty"`
}

// Operator may request actions and, in its groups, execute them.
type Operator struct {
	Address        tx.Address `json:"address"`
	ExecutorGroups []string   `json:"executor_groups,omitempty"`
	Stake          uint64     `json:"stake"`      // base units, of the supply; none, or stake_min at least
	Reputation     uint64     `json:"reputation"` // ppm
}

// Validator is an operator's consensus key. Its power is the operator's stake in units of power_unit. While
// people edit a document the key may be absent: whoever sets up the nodes fills it in.
type Validator struct {
	Operator  tx.Address `json:"operator"`
	PublicKey hexBytes   `json:"public_key,omitempty"` // ed25519, 32 bytes
}

// Committees are the three that the protocol knows.
type Committees struct {
	Approvers Committee `json:"approvers"`
	Governors Committee `json:"governors"`
	Guardians Committee `json:"guardians"`
}

// Committee is k of its members' entities.
type Committee struct {
	Members   []tx.Address `json:"members,omitempty"`
	Threshold uint32       `json:"threshold"`
}

// Target is what is operated.
type Target struct {
	ID             string            `json:"id"`
	Fleet          string            `json:"fleet"`
	Tier           string            `json:"tier"`
	Region         string            `json:"region"`
	Critical       bool              `json:"critical"`
	Labels         map[string]string `json:"labels,omitempty"`
	ExecutorGroup  string            `json:"executor_group"`
	Idempotent     bool              `json:"idempotent"`
	Fenced         bool              `json:"fenced"`
	ValueAtRiskMin uint64            `json:"value_at_risk_min"`
	Bounds         Bounds            `json:"bounds"`
	Spec           Spec              `json:"spec"`
}

// Bounds of the parameters that requests may carry; a zero maximum makes the op impossible.
type Bounds struct {
	ReplicasMin          uint32   `json:"replicas_min"`
	ReplicasMax          uint32   `json:"replicas_max"`
	RequestsPerSecondMax uint64   `json:"requests_per_second_max"`
	BurstMax             uint64   `json:"burst_max"`
	Backends             []string `json:"backends,omitempty"`
	Credentials          []string `json:"credentials,omitempty"`
}

// Spec is the desired state at genesis.
type Spec struct {
	Generation        uint64       `json:"generation"` // at least 1
	Backends          []Backend    `json:"backends,omitempty"`
	RequestsPerSecond uint64       `json:"requests_per_second"`
	Burst             uint64       `json:"burst"`
	Paused            bool         `json:"paused"`
	Replicas          uint32       `json:"replicas"`
	Credentials       []Credential `json:"credentials,omitempty"`
}

// Backend is one share of the traffic.
type Backend struct {
	Name      string `json:"name"`
	WeightBps uint32 `json:"weight_bps"`
}

// Credential is the version in use.
type Credential struct {
	Name    string   `json:"name"`
	Version string   `json:"version"`
	Digest  hexBytes `json:"digest"` // SHA-256 of the public part
}

// Pools are what belongs to nobody, in base units.
type Pools struct {
	Treasury  uint64 `json:"treasury"`
	Rewards   uint64 `json:"rewards"` // what epochs pay from
	Insurance uint64 `json:"insurance"`
}

// New is a document with the default parameters and this policy, and nobody in it yet.
func New(b policy.Bundle) *Document {
	d := &Document{Params: state.DefaultParams()}
	d.Join(b)
	return d
}

// Join puts a bundle into a document that was edited without one.
func (d *Document) Join(b policy.Bundle) {
	d.Policy = make(map[string]string, len(b.Files))
	for _, f := range b.Files {
		d.Policy[f.Path] = string(f.Content)
	}
}

// bundle is the document's policy.
func (d *Document) bundle() (policy.Bundle, error) {
	if len(d.Policy) == 0 {
		return policy.Bundle{}, errors.New("is absent: a chain starts with a policy")
	}
	files := make(map[string][]byte, len(d.Policy))
	for path, text := range d.Policy { //mprd:sorted NewBundle sorts
		files[path] = []byte(text)
	}
	return policy.NewBundle(files)
}

// params are the document's, or the defaults.
func (d *Document) params() *state.Params {
	if d.Params == nil {
		return state.DefaultParams()
	}
	return d.Params
}

// JSON is the document as people read it, indented, each parameter said. The same document gives the same
// bytes, and Parse gives a valid document back.
func (d *Document) JSON() ([]byte, error) {
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(struct {
		Params *params `json:"params"`
		*Document
	}{&params{d.params()}, d})
	return buf.Bytes(), err
}

// hexBytes are bytes as lower-case hexadecimal digits in JSON.
type hexBytes []byte

// MarshalText implements encoding.TextMarshaler.
func (b hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(b)), nil }
