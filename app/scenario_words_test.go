package app_test

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"mprd/internal/testchain"
	"mprd/tx"
)

// command builds the tx of a scenario line's left side.
func (p *play) command(words []string) ([]byte, error) {
	name := ""
	if len(words) > 1 && words[1] == "=" {
		name, words = words[0], words[2:]
	}
	if words[0] == "again" {
		return p.raws[words[1]], nil
	}
	var args []string
	options := map[string]string{}
	for _, word := range words[2:] {
		if key, value, ok := strings.Cut(word, "="); ok {
			options[key] = value
		} else {
			args = append(args, word)
		}
	}
	signer := words[0]
	message, err := p.message(signer, words[1], args, options)
	if err != nil {
		return nil, err
	}
	body := p.chain.Body(signer, message, p.bodyEdit(options))
	cosignatures, err := p.cosign(body, options["sign"])
	if err != nil {
		return nil, err
	}
	key := testchain.Key(signer)
	if by := options["key"]; by != "" {
		key = testchain.Key(by)
	}
	raw, err := tx.Sign(body, key, cosignatures...)
	if name != "" {
		p.raws[name], p.ids[name] = raw, tx.Digest(body.Token.ActionHash)
	}
	return raw, err
}

func (p *play) message(signer, kind string, args []string, options map[string]string) (testchain.Message, error) {
	request := func(op func(*tx.RequestAction)) (testchain.Message, error) {
		return testchain.Request(args[0], op, requestEdit(options)), nil
	}
	switch kind {
	case "scale":
		return request(testchain.Scale(uint32(number(args[1]))))
	case "throttle":
		return request(testchain.Throttle(number(args[1]), number(args[2])))
	case "pause":
		return request(testchain.Pause(args[1] == "on"))
	case "route":
		return request(testchain.Route(uint32(number(args[1]))))
	case "rotate":
		return request(testchain.Rotate(args[1], args[2]))
	case "approve", "reject":
		return testchain.Approve(p.approval(signer, kind, args[0], options)), nil
	case "cancel":
		return testchain.Cancel(p.ids[args[0]]), nil
	case "transfer":
		return testchain.Transfer(testchain.Address(args[0]), number(args[1])), nil
	case "rotate-key":
		return testchain.RotateKey(signer, args[0]), nil
	case "register":
		return testchain.Register(args...), nil
	}
	return nil, fmt.Errorf("no kind %q", kind)
}

func (p *play) approval(signer, kind, action string, options map[string]string) *tx.Approval {
	verdict := tx.Verdict_VERDICT_APPROVE
	if kind == "reject" {
		verdict = tx.Verdict_VERDICT_REJECT
	}
	if by := options["by"]; by != "" {
		signer = by
	}
	a := p.chain.Approval(signer, p.ids[action], verdict)
	if expires := options["until"]; expires != "" {
		again, err := tx.SignApproval(testchain.ID, p.ids[action], testchain.Address(signer), verdict,
			p.chain.TimeMs+number(expires), testchain.Key(signer))
		if err != nil {
			p.Fatal(err)
		}
		a = again
	}
	if moved := options["moved-to"]; moved != "" {
		id := p.ids[moved]
		a.ActionId = id[:]
	}
	return a
}

func requestEdit(options map[string]string) func(*tx.RequestAction) {
	return func(m *tx.RequestAction) {
		for key, value := range options { //mprd:sorted each option has its own field
			switch key {
			case "res":
				m.ResourcesRequired = number(value)
			case "wait":
				m.WaitMs = number(value)
			case "var":
				m.ValueAtRisk = number(value)
			case "gen":
				m.ExpectedGeneration = number(value)
			case "policy":
				hash := sha256.Sum256([]byte(value))
				m.PolicyHash = hash[:]
			}
		}
	}
}

func (p *play) bodyEdit(options map[string]string) func(*tx.Body) {
	return func(b *tx.Body) {
		for key, value := range options { //mprd:sorted each option has its own field
			switch key {
			case "nonce":
				nonce := sha256.Sum256([]byte(value))
				b.Token.Nonce = nonce[:]
			case "issued": // ms after the last block
				b.Token.IssuedAtMs = p.chain.TimeMs + number(value)
			case "expires":
				b.Token.ExpiresAtMs = p.chain.TimeMs + number(value)
			case "gas":
				b.GasLimit = number(value)
			case "max-fee":
				b.MaxFee = number(value)
			case "chain":
				b.ChainId = value
			case "cosign":
				for _, who := range strings.Split(value, ",") {
					a := testchain.Address(who)
					b.Cosigners = append(b.Cosigners, &tx.Cosigner{
						Approver: a[:], ExpiresAtMs: p.chain.TimeMs + 3_600_000,
					})
				}
			}
		}
	}
}

// cosign signs for the body's cosigners; with sign=a,b those names sign instead.
func (p *play) cosign(b *tx.Body, sign string) ([]*tx.Signature, error) {
	var list []*tx.Signature
	names := strings.Split(sign, ",")
	for i, c := range b.Cosigners {
		approver := tx.AddressFrom(c.Approver)
		key, err := keyOf(approver)
		if err != nil {
			return nil, err
		}
		if sign != "" {
			key = testchain.Key(names[i])
		}
		a, err := tx.SignApproval(testchain.ID, tx.Digest(b.Token.ActionHash), approver,
			tx.Verdict_VERDICT_APPROVE, c.ExpiresAtMs, key)
		if err != nil {
			return nil, err
		}
		list = append(list, a.Signature)
	}
	return list, nil
}

func keyOf(a tx.Address) (*tx.Key, error) {
	for _, name := range testchain.Names() {
		if testchain.Address(name) == a {
			return testchain.Key(name), nil
		}
	}
	return nil, fmt.Errorf("nobody has address %s", a)
}
