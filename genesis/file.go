package genesis

import (
	"encoding/base64"
	"strconv"
	"time"

	"mprd/state"
	"mprd/tx"
)

// Limits of what stands around the document in CometBFT's genesis file.
const (
	ChainIDBytesMax = 50        // CometBFT's MaxChainIDLen
	ValidatorsMax   = 250       // economics.Params lets validators_max be no higher
	PowerMax        = 1<<60 - 1 // of all validators together: CometBFT's MaxTotalVotingPower
)

// appState is the member of CometBFT's genesis file that holds the document.
const appState = "app_state"

// file is what this package judges of CometBFT's genesis file, beside the document.
type file struct {
	genesisTime   string // RFC 3339
	chainID       string
	initialHeight string // decimal; CometBFT writes 64-bit numbers as strings
	consensus     consensus
	validators    []validator
}

type validator struct{ keyType, key, power string }

// file reads the members that CometBFT v0.40 knows. CometBFT itself would overlook a mistyped name.
func (r *reader) file(d *Document, f *file) {
	anything := func(string) { r.skip(r.next()) } // CometBFT judges it
	var name string
	r.object("",
		member{"genesis_time", true, r.text(&f.genesisTime)},
		member{"chain_id", true, r.text(&f.chainID)},
		member{"initial_height", false, r.text(&f.initialHeight)},
		member{"consensus_params", true, r.consensus(&f.consensus)},
		member{"validators", true, r.list(ValidatorsMax, func(path string) {
			var v validator
			r.object(path,
				member{"address", false, r.text(&name)},
				member{"pub_key", true, func(path string) {
					r.object(path, member{"type", true, r.text(&v.keyType)}, member{"value", true, r.text(&v.key)})
				}},
				member{"power", true, r.text(&v.power)},
				member{"name", false, r.text(&name)},
			)
			f.validators = append(f.validators, v)
		})},
		member{"app_hash", false, anything},
		member{appState, true, r.document(d)},
	)
}

// faults adds what is wrong with the file around the document d, unless the form of either is.
func (f *file) faults(list *faults, d *Document) {
	if len(*list) > 0 {
		return
	}
	if len(f.chainID) > ChainIDBytesMax {
		list.add(0, "chain_id", "%d bytes, limit %d", len(f.chainID), ChainIDBytesMax)
	} else if err := tx.CheckName("chain_id", f.chainID); err != nil {
		list.add(0, "chain_id", "%s", reason(err))
	}
	if t, err := time.Parse(time.RFC3339Nano, f.genesisTime); err != nil || t.UnixMilli() <= 0 {
		list.add(0, "genesis_time", "%.40q, want a time such as 2026-06-02T12:00:00Z", f.genesisTime)
	}
	if h := f.initialHeight; h != "" && h != "0" && h != "1" {
		list.add(0, "initial_height", "%.40q, want \"1\"", h)
	}
	f.consensus.faults(list, d.params())
	if seats := f.validatorFaults(list); len(*list) == 0 {
		d.compare(list, seats)
	}
}

// validatorFaults adds what is wrong with the validators, and returns them if nothing is.
func (f *file) validatorFaults(list *faults) []state.Seat {
	if len(f.validators) == 0 {
		list.add(0, "validators", "none: nobody could make a block")
	}
	var sum uint64
	seats := make([]state.Seat, 0, len(f.validators))
	seen := make(map[string]bool)
	for i, v := range f.validators {
		path := "validators[" + strconv.Itoa(i) + "]"
		key, err := base64.StdEncoding.DecodeString(v.key)
		switch {
		case v.keyType != "tendermint/PubKeyEd25519":
			list.add(0, path+".pub_key.type", "%.64q, want tendermint/PubKeyEd25519", v.keyType)
		case err != nil || len(key) != tx.KeyBytes || tx.SmallOrder(key):
			list.add(0, path+".pub_key.value", "not an ordinary ed25519 key in base64")
		case seen[string(key)]:
			list.add(0, path+".pub_key.value", "stands there twice")
		}
		seen[string(key)] = true
		power, err := strconv.ParseUint(v.power, 10, 64)
		if err != nil || power == 0 || power > PowerMax {
			list.add(0, path+".power", "%.40q, want \"1\" to \"%d\"", v.power, uint64(PowerMax))
			continue
		}
		if sum += power; sum > PowerMax { // of at most ValidatorsMax terms: no overflow once it is cut
			list.add(0, path+".power", "all powers sum to more than %d", uint64(PowerMax))
			return nil
		}
		seats = append(seats, state.Seat{Key: key, Power: power})
	}
	return seats
}
