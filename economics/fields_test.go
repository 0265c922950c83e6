package economics

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// zeroIsFine are the parameters that 0 switches off.
var zeroIsFine = map[string]bool{
	"reward_rate": true, "slash_downtime": true, "whistle_rate": true, "recover_rate": true,
	"voucher_budget": true, "voucher_score_min": true, "voucher_fee_max": true,
	"bond_rate": true, "margin": true, "value_price": true,
	"detect_silence": true, "detect_equivocation": true, "detect_false_alone": true,
	"detect_false_witnessed": true, "extension_ms": true, "downtime_rate": true,
}

// parameterNames are the JSON names, in order.
func parameterNames() []string {
	var names []string
	of := reflect.TypeOf(Params{})
	for i := range of.NumField() {
		name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

func parameter(p *Params, i int) *uint64 {
	return reflect.ValueOf(p).Elem().Field(i).Addr().Interface().(*uint64)
}

// TestParametersOfZeroAreWritten: who reads a file back has the very parameters, and none is left out.
func TestParametersOfZeroAreWritten(t *testing.T) {
	spoiled := *Defaults()
	for i := range parameterNames() {
		if i%2 == 0 {
			*parameter(&spoiled, i) = 0
		}
	}
	for _, p := range []*Params{Defaults(), {}, &spoiled} {
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		again := Defaults()
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(again); err != nil {
			t.Fatal(err)
		}
		if *again != *p {
			t.Errorf("%s is read back as %v", text, again)
		}
		var members map[string]uint64
		if err := json.Unmarshal(text, &members); err != nil || len(members) != len(parameterNames()) {
			t.Errorf("%d parameters written, want %d: %v", len(members), len(parameterNames()), err)
		}
	}
}
