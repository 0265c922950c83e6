package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"mprd/client"
	"mprd/tx"
)

// saltFile keeps the salt of a commitment until the report is shown: without it the commitment is worth
// nothing.
type saltFile struct {
	Version  int    `json:"version"`
	Kind     string `json:"kind"` // report
	ChainID  string `json:"chain_id"`
	Reporter string `json:"reporter"`
	Evidence string `json:"evidence"` // digest, hex
	Salt     string `json:"salt"`     // hex
}

// keptReport is a report whose salt is in the home folder.
type keptReport struct {
	reporter   tx.Address
	salt       []byte
	commitment tx.Digest
}

// body is the tx that commits to it.
func (r *keptReport) body() *tx.Body {
	m := &tx.CommitReport{Commitment: r.commitment[:]}
	return &tx.Body{Message: &tx.Body_CommitReport{CommitReport: m}}
}

// keepReport takes up the salt of a report that was committed to before, or makes and keeps one.
func (s *session) keepReport(m *tx.ProposeSlash) (*keptReport, error) {
	reporter, err := s.signer()
	if err != nil {
		return nil, err
	}
	chainID, err := s.client.ChainID(s.ctx())
	if err != nil {
		return nil, err
	}
	s.options.ChainID = chainID
	dir, err := s.options.ofChain("reports", "")
	if err != nil {
		return nil, err
	}
	digest := m.EvidenceDigest(chainID)
	path := filepath.Join(dir, fmt.Sprintf("%s-%x.json", reporter, digest[:16]))
	file := &saltFile{}
	err = readJSON(path, "report", file, func() string { return file.Kind })
	if errors.Is(err, os.ErrNotExist) {
		file, err = newReport(path, chainID, reporter, digest)
	}
	if err != nil {
		return nil, err
	}
	salt, err := hex.DecodeString(file.Salt)
	if err != nil || len(salt) != tx.HashBytes || file.Evidence != hex.EncodeToString(digest[:]) {
		return nil, fmt.Errorf("%s: not the salt of this report; remove it to commit anew", path)
	}
	return &keptReport{reporter, salt, tx.Commitment(chainID, reporter, digest, salt)}, nil
}

func newReport(path, chainID string, reporter tx.Address, digest tx.Digest) (*saltFile, error) {
	salt := make([]byte, tx.HashBytes)
	if _, err := rand.Read(salt); err != nil {
		return nil, err
	}
	file := &saltFile{fileVersion, "report", chainID, reporter.String(), hex.EncodeToString(digest[:]),
		hex.EncodeToString(salt)}
	raw, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	return file, client.ReplaceFile(path, append(raw, '\n'), 0o600)
}

// commitFirst has the chain know of the report before anybody sees it, and puts the salt into it. What the
// chain would refuse is refused before anything is paid.
func (s *session) commitFirst(v *client.View, m *tx.ProposeSlash) error {
	if s.flags.dryRun {
		return nil
	}
	kept, err := s.keepReport(m)
	if err != nil {
		return err
	}
	height, err := v.Committed(s.ctx(), kept.reporter, kept.commitment)
	if err != nil {
		return err
	}
	if height > 0 {
		say(s.cmd, "committed to it at height %d", height)
		m.Salt = kept.salt
		return nil
	}
	if s.flags.generateOnly {
		return usageError{errors.New("no commitment is there: mprd case commit --generate-only, or --no-commit")}
	}
	if err := s.tryReport(m); err != nil {
		return err
	}
	done, err := s.deliver(kept.body())
	if err != nil {
		return err
	}
	say(s.cmd, "committed to the report at height %d; now it is shown", done.Height)
	m.Salt = kept.salt
	return nil
}

// tryReport asks what the report would come to without a commitment.
func (s *session) tryReport(m *tx.ProposeSlash) error {
	signer, err := s.signer()
	if err != nil {
		return err
	}
	body := &tx.Body{Message: &tx.Body_ProposeSlash{ProposeSlash: m}}
	draft := client.Draft{Life: s.flags.life, MaxFee: s.flags.maxFee}
	if _, err := s.client.Fill(s.ctx(), body, signer, draft); err != nil {
		return err
	}
	raw, err := s.client.Unsigned(s.ctx(), body)
	if err != nil {
		return err
	}
	simulation, err := s.client.Simulate(s.ctx(), raw)
	if err != nil {
		return err
	}
	refused := client.RefusalOf(simulation.Codespace, simulation.Code, simulation.Log)
	if errors.Is(refused, tx.CodeInfractionKnown) { // who committed earlier takes over
		return nil
	}
	return refused
}

// deliver signs and sends a tx that another depends on, and waits until it is committed.
func (s *session) deliver(body *tx.Body) (*client.Committed, error) {
	signer, err := s.signer()
	if err != nil {
		return nil, err
	}
	draft := client.Draft{Life: s.flags.life, MaxFee: s.flags.maxFee}
	if _, err := s.client.Fill(s.ctx(), body, signer, draft); err != nil {
		return nil, err
	}
	raw, err := s.sign(body)
	if err != nil {
		return nil, err
	}
	hash, err := s.client.Send(s.ctx(), raw)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(s.ctx(), s.flags.timeout)
	defer cancel()
	done, err := s.client.Wait(ctx, hash)
	if err != nil {
		return nil, err
	}
	return done, done.Err()
}
