package client

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"mprd/state"
	"mprd/tx"
)

// keyForm is how the keys of a table are written by people.
type keyForm int

const (
	keyHex     keyForm = iota
	keyAddress         // bech32
	keyName            // as it is
	keyNumber          // a height, or a case
	keyDue             // NUMBER/ID: when, and the action, or what else has an id
	keyMiss            // HEIGHT/ACTION/ATTEMPT
	keyChunk           // BUCKET/HEIGHT, or WHEN/CASE
)

func formOf(table string) keyForm {
	switch table {
	case "accounts", "operators", "usage", "duties", "aliases", "unbondings", "vouchers", "coverage":
		return keyAddress
	case "targets", "pools", "committees", "occupancies", "executor_groups":
		return keyName
	case "tallies", "cases", "audit_heads":
		return keyNumber
	case "pending_due", "action_due", "unassigned", "commitment_due", "reservations":
		return keyDue
	case "misses":
		return keyMiss
	case "nonces", "case_due":
		return keyChunk
	}
	return keyHex
}

const (
	numberBytes = 8
	dueBytes    = numberBytes + tx.HashBytes
	missBytes   = dueBytes + 4
)

// KeyText shows a key as people write it; ParseKey reads it.
func KeyText(table string, key []byte) string {
	switch form := formOf(table); {
	case form == keyAddress && len(key) == tx.AddressBytes:
		return tx.AddressFrom(key).String()
	case form == keyName:
		return fmt.Sprintf("%q", key)
	case form == keyNumber && len(key) == numberBytes:
		return fmt.Sprint(state.HeightOf(key))
	case form == keyDue && len(key) == dueBytes:
		due := state.DueOf(key)
		return fmt.Sprintf("%d/%x", due.AtMs, due.ID)
	case form == keyMiss && len(key) == missBytes:
		id := state.MissOf(key)
		return fmt.Sprintf("%d/%x/%d", id.Height, id.Action, id.Attempt)
	case form == keyChunk && len(key) == 2*numberBytes:
		return fmt.Sprintf("%d/%d", state.HeightOf(key), state.HeightOf(key[numberBytes:]))
	}
	return hex.EncodeToString(key)
}

// ParseKey reads a key of a table as KeyText shows it, a name without its quotes, or any key in hex.
func ParseKey(table, text string) ([]byte, error) {
	form := formOf(table)
	if form == keyName {
		return []byte(text), nil
	}
	if form == keyAddress {
		if a, err := tx.ParseAddress(text); err == nil {
			return a[:], nil
		}
	}
	if parts := strings.Split(text, "/"); form == keyNumber || len(parts) > 1 {
		if key, err := numbersKey(parts); err == nil {
			return key, nil
		}
	}
	key, err := hex.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%q is no key of the table %s", text, table)
	}
	return key, nil
}

// numbersKey puts numbers and hashes behind each other; the third part is a short number.
func numbersKey(parts []string) ([]byte, error) {
	var key []byte
	for i, part := range parts {
		if len(part) == 2*tx.HashBytes {
			raw, err := hex.DecodeString(part)
			if err != nil {
				return nil, err
			}
			key = append(key, raw...)
			continue
		}
		bits := 64
		if i == 2 {
			bits = 32
		}
		n, err := strconv.ParseUint(part, 10, bits)
		if err != nil {
			return nil, err
		}
		if i == 2 {
			key = binary.BigEndian.AppendUint32(key, uint32(n))
			continue
		}
		key = binary.BigEndian.AppendUint64(key, n)
	}
	return key, nil
}
