package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	cmttypes "github.com/cometbft/cometbft/types"

	"mprd/abci"
	"mprd/genesis"
)

// seat gives the nodes, in their order, the places of the validators that the document names without a key,
// and returns how many nodes have one. Places that are left go: the operators stay, and may register a key
// later. validators_min follows, or the chain could not begin.
func seat(doc *genesis.Document, nodes []nodeIdentity) int {
	var list []genesis.Validator
	seated := 0
	for _, v := range doc.Validators {
		if len(v.PublicKey) == 0 {
			if seated == len(nodes) {
				continue
			}
			v.PublicKey = nodes[seated].validator.PubKey.Bytes()
			seated++
		}
		list = append(list, v)
	}
	if len(list) < len(doc.Validators) {
		e := &doc.Params.Economics
		e.ValidatorsMin = min(e.ValidatorsMin, uint64(len(list)))
	}
	doc.Validators = list
	return seated
}

// genesisFile makes CometBFT's genesis file around an app state. Its validators are the document's, with the
// power of their stake, or the nodes, if the document names none.
func genesisFile(chainID string, doc *genesis.Document, nodes []nodeIdentity, now time.Time) ([]byte, error) {
	if err := doc.Validate(); err != nil {
		return nil, err
	}
	appState, err := doc.JSON()
	if err != nil {
		return nil, err
	}
	file := cmttypes.GenesisDoc{
		ChainID: chainID, GenesisTime: now.UTC().Truncate(time.Millisecond), InitialHeight: 1,
		ConsensusParams: abci.ConsensusParamsOf(&doc.Params.Economics), Validators: validatorsOf(doc, nodes),
		AppState: json.RawMessage(appState),
	}
	if err := file.ValidateAndComplete(); err != nil {
		return nil, err
	}
	target, err := os.CreateTemp("", "mprd-genesis")
	if err != nil {
		return nil, err
	}
	defer os.Remove(target.Name())
	if err := errors.Join(target.Close(), file.SaveAs(target.Name())); err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(target.Name())
	if err != nil {
		return nil, err
	}
	return raw, faultsOf("the new genesis", raw)
}

func validatorsOf(doc *genesis.Document, nodes []nodeIdentity) []cmttypes.GenesisValidator {
	var list []cmttypes.GenesisValidator
	for _, place := range doc.ValidatorSet() {
		key := ed25519.PubKey(place.Key)
		v := cmttypes.GenesisValidator{Address: key.Address(), PubKey: key, Power: int64(place.Power)}
		for _, n := range nodes {
			if bytes.Equal(n.validator.PubKey.Bytes(), place.Key) {
				v.Name = n.validator.Name
			}
		}
		list = append(list, v)
	}
	if list != nil {
		return list
	}
	for _, n := range nodes {
		list = append(list, n.validator)
	}
	return list
}

// seatAll gives every node a place, unless the document leaves the validators to CometBFT's genesis file.
func seatAll(doc *genesis.Document, nodes []nodeIdentity) error {
	if len(doc.Validators) == 0 {
		return nil
	}
	if seated := seat(doc, nodes); seated < len(nodes) {
		return usageError{fmt.Errorf("%d validators, but the app state names %d without a key", len(nodes), seated)}
	}
	return nil
}
