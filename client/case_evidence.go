package client

import (
	"context"
	"fmt"

	"mprd/audit"
	"mprd/state"
	"mprd/tx"
)

// CaseEvidence is what a case rests on: a report, or an exhibit of a dispute.
type CaseEvidence struct {
	From    []byte           // address of who brought it; empty: the chain itself
	Report  *tx.ProposeSlash // nil: it is an exhibit
	Exhibit *tx.Exhibit
}

// EvidenceOf reads what stands under a digest of a case; nil if there is nothing, or nothing that this
// version knows.
func (v *View) EvidenceOf(ctx context.Context, digest []byte) (*CaseEvidence, error) {
	row := &state.Evidence{}
	there, err := v.Row(ctx, "evidence", digest, row)
	if err != nil || !there {
		return nil, err
	}
	report, exhibit := &tx.ProposeSlash{}, &tx.Exhibit{}
	if decodeStrict(row.Content, report, "evidence") == nil && report.Evidence != nil &&
		len(report.Accused) == tx.AddressBytes {
		return &CaseEvidence{From: row.From, Report: report}, nil
	}
	if decodeStrict(row.Content, exhibit, "evidence") == nil {
		return &CaseEvidence{From: row.From, Exhibit: exhibit}, nil
	}
	return nil, nil
}

// Says tells what it holds, a line each, fit for a terminal.
func (e *CaseEvidence) Says() []string {
	var lines []string
	switch {
	case e.Exhibit != nil:
		lines = exhibitText(e.Exhibit)
	case e.Report.GetReceipts() != nil:
		both := e.Report.GetReceipts()
		for _, r := range []*tx.Receipt{both.First, both.Second} {
			if r != nil {
				lines = append(lines, describeReceipt(r)...)
			}
		}
	case e.Report.GetNonce() != nil:
		both := e.Report.GetNonce()
		for _, raw := range [][]byte{both.First, both.Second} {
			decoded, err := tx.Decode(raw)
			if err != nil {
				lines = append(lines, "a tx that does not decode: "+err.Error())
				continue
			}
			lines = append(lines, fmt.Sprintf("tx %x:", decoded.Hash))
			lines = append(lines, Describe(decoded.Body)...)
		}
	case e.Report.GetAccusation() != nil:
		lines = exhibitText(e.Report.GetAccusation().Exhibit)
	}
	for i := range lines {
		lines[i] = printable(lines[i])
	}
	return lines
}

// exhibitText is the statement, and the records in words.
func exhibitText(e *tx.Exhibit) []string {
	if e == nil {
		return nil
	}
	var lines []string
	if e.Statement != "" {
		lines = append(lines, fmt.Sprintf("%q", e.Statement))
	}
	for _, r := range e.Records {
		lines = append(lines, fmt.Sprintf("record %d:", r.Index))
		record, err := audit.DecodeLeaf(r.Leaf)
		if err != nil {
			lines = append(lines, "  which does not decode: "+err.Error())
			continue
		}
		for _, line := range explainRecord(record) {
			lines = append(lines, "  "+line)
		}
	}
	return lines
}

// Printable is a stranger's text for a terminal, its lines kept.
func Printable(s string) string { return printable(s) }
