package economics

import (
	"encoding/json"
	"reflect"
	"strings"
)

// MarshalJSON writes all parameters, those that are 0 too, in the order of the schema: what is left out of a
// file of parameters is a default, and not 0.
func (p *Params) MarshalJSON() ([]byte, error) {
	row := reflect.ValueOf(p).Elem()
	out := []byte{'{'}
	for i := range row.NumField() {
		name, _, _ := strings.Cut(row.Type().Field(i).Tag.Get("json"), ",")
		value, err := json.Marshal(row.Field(i).Interface())
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(append(out, '"'), name...), '"', ':'), value...)
	}
	return append(out, '}'), nil
}
