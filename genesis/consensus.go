package genesis

import (
	"strconv"
	"time"

	"mprd/state"
)

// AppVersion is the version of the rules, in every block header. It rises only with an upgrade of the chain.
const AppVersion = 1

// Bounds of CometBFT's parameters. CometBFT accepts far more, and has defaults that do not fit this chain.
const (
	ConsensusBytesMax = 64 << 20 // of a block as a Byzantine proposer may send it
	overheadBytes     = 64 << 10 // a block's header and the commit of ValidatorsMax
	EvidenceBytesMin  = 16 << 10 // 0 would keep evidence out of blocks; a light-client attack needs the most
	EvidenceAgeMin    = 6 * 24 * time.Hour
	EvidenceAgeMax    = 60 * 24 * time.Hour

	evidenceMsMin = uint64(EvidenceAgeMin / time.Millisecond)
	evidenceMsMax = uint64(EvidenceAgeMax / time.Millisecond)
	nanoseconds   = uint64(time.Millisecond) // of a millisecond
)

// consensus is consensus_params. CometBFT writes 64-bit numbers as strings.
type consensus struct {
	blockBytes, gas                            string
	evidenceBlocks, evidenceAge, evidenceBytes string // age in nanoseconds
	keyTypes                                   []string
	app, extensions, authority                 string
}

// consensus reads consensus_params. What is left out would be zero, which for most is no value at all.
func (r *reader) consensus(c *consensus) func(path string) {
	return func(path string) {
		r.object(path,
			member{"block", true, func(path string) {
				r.object(path,
					member{"max_bytes", true, r.text(&c.blockBytes)}, member{"max_gas", true, r.text(&c.gas)})
			}},
			member{"evidence", true, func(path string) {
				r.object(path,
					member{"max_age_num_blocks", true, r.text(&c.evidenceBlocks)},
					member{"max_age_duration", true, r.text(&c.evidenceAge)},
					member{"max_bytes", true, r.text(&c.evidenceBytes)})
			}},
			member{"validator", true, func(path string) {
				r.object(path, member{"pub_key_types", true, r.strings(keyTypesMax, &c.keyTypes)})
			}},
			member{"version", true, func(path string) { r.object(path, member{"app", true, r.text(&c.app)}) }},
			member{"abci", false, func(path string) {
				r.object(path, member{"vote_extensions_enable_height", false, r.text(&c.extensions)})
			}},
			member{"authority", false, func(path string) {
				r.object(path, member{"authority", false, r.text(&c.authority)})
			}},
		)
	}
}

// keyTypesMax bounds what is read of pub_key_types; one of them is right.
const keyTypesMax = 8

// faults adds what is wrong with the parameters of a chain whose own parameters are p. The age of evidence is
// the same here and there, so that stake unbonds no earlier than evidence about it expires.
func (c *consensus) faults(list *faults, p *state.Params) {
	const at = "consensus_params."
	number := func(path, text string, least, most uint64, why string) (uint64, bool) {
		value, err := strconv.ParseUint(text, 10, 64)
		ok := err == nil && value >= least && value <= most && strconv.FormatUint(value, 10) == text
		if !ok {
			list.add(0, at+path, "%.40q, want \"%d\" to \"%d\": %s", text, least, most, why)
		}
		return value, ok
	}
	evidence, ok := number("evidence.max_bytes", c.evidenceBytes, EvidenceBytesMin, 1<<20,
		"evidence has room in a block, and leaves room")
	if !ok {
		evidence = 1 << 20
	}
	number("block.max_bytes", c.blockBytes, p.BlockBytesMax+evidence+overheadBytes, ConsensusBytesMax,
		"the chain's own block_bytes_max, evidence and a commit fit in")
	if c.gas != "-1" {
		list.add(0, at+"block.max_gas", "%.40q, want \"-1\": the chain itself limits gas", c.gas)
	}
	e := &p.Economics
	if ms := e.ReportMs; ms < evidenceMsMin || ms > evidenceMsMax {
		list.add(0, below(appState, "params.economics.report_ms"), "%d, want %d to %d: longer than a light client "+
			"trusts a validator set", ms, evidenceMsMin, evidenceMsMax)
	} else {
		number("evidence.max_age_duration", c.evidenceAge, ms*nanoseconds, ms*nanoseconds,
			"nanoseconds; the document's report_ms")
	}
	number("evidence.max_age_num_blocks", c.evidenceBlocks, e.EvidenceBlocks(), e.EvidenceBlocks(),
		"the document's report_ms divided by its target_block_ms")
	if len(c.keyTypes) != 1 || c.keyTypes[0] != "ed25519" {
		list.add(0, at+"validator.pub_key_types", "%.80q, want [\"ed25519\"]", c.keyTypes)
	}
	number("version.app", c.app, AppVersion, AppVersion, "the version of the rules")
	if c.extensions != "" && c.extensions != "0" {
		list.add(0, at+"abci.vote_extensions_enable_height", "%.40q, want \"0\": there are none", c.extensions)
	}
	if c.authority != "" {
		list.add(0, at+"authority.authority", "%.40q, want \"\": the chain has none", c.authority)
	}
}
