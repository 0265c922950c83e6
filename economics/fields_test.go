package economics

import "reflect"

// zeroIsFine are the parameters that 0 switches off.
var zeroIsFine = map[string]bool{
	"reward_rate": true, "slash_downtime": true, "whistle_rate": true, "recover_rate": true,
	"voucher_budget": true, "voucher_score_min": true, "voucher_fee_max": true,
	"bond_rate": true, "margin": true,
	"detect_silence": true, "detect_equivocation": true, "detect_false_alone": true,
	"detect_false_witnessed": true, "extension_ms": true, "downtime_rate": true,
}

// parameterNames are the JSON names, in order.
func parameterNames() []string {
	var names []string
	of := reflect.TypeOf(Params{})
	for i := range of.NumField() {
		names = append(names, of.Field(i).Tag.Get("json"))
	}
	return names
}

func parameter(p *Params, i int) *uint64 {
	return reflect.ValueOf(p).Elem().Field(i).Addr().Interface().(*uint64)
}
