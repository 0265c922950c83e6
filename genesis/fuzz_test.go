package genesis

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

// FuzzParse: no text makes the reader panic; every fault of a text has a line of it; and what is accepted is
// valid, and comes back from its own JSON.
func FuzzParse(f *testing.F) {
	policyText := small(f)
	policyText = policyText[strings.Index(policyText, `"policy": {`)+len(`"policy": `) : strings.LastIndex(policyText, "}")]
	f.Add([]byte(smallText))
	f.Add([]byte(wrapped(smallText)))
	f.Add([]byte(`{"params":{"gap_ms":9,"min_k":[0,0,0,0,0]},"pools":{"treasury":"1"},"policy":{POLICY}}`))
	f.Add([]byte(`{"accounts":[[{"a":[`))
	f.Add([]byte("{\"policy\":{\"a\":\"\\ud800\"}}"))
	f.Add([]byte(`{"params":{"min_k":[1,2,{}]},"accounts":[{}],"committees":{}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		// The policy, most of it the fixed schema, would only make the inputs long.
		raw = bytes.Replace(raw, []byte("{POLICY}"), []byte(policyText), 1)
		lines := 1 + bytes.Count(raw, []byte{'\n'})
		held := func(list []*Error) {
			if len(list) > FaultsMax {
				t.Fatalf("%d faults", len(list))
			}
			for _, fault := range list {
				if fault.Line < 1 || fault.Line > lines || fault.Text == "" {
					t.Fatalf("fault %q in %d lines", fault, lines)
				}
				if strings.ContainsAny(fault.Path, "\n\x00\x1b") || len(fault.Path) > 1024 {
					t.Fatalf("path %q", fault.Path)
				}
			}
		}
		held(ValidateFile(raw))
		d, err := Parse(raw)
		if err != nil {
			held(Faults(err))
			if len(Faults(err)) == 0 || d != nil {
				t.Fatalf("document %v, error %v", d, err)
			}
			return
		}
		if err := d.Validate(); err != nil {
			t.Fatalf("accepted, but not valid: %v", err)
		}
		text, err := d.JSON()
		if err != nil {
			t.Fatal(err)
		}
		back, err := Parse(text)
		if err != nil {
			t.Fatalf("its own JSON is refused: %v", err)
		}
		if !reflect.DeepEqual(applied(t, d).Writes(0), applied(t, back).Writes(0)) {
			t.Fatal("its own JSON gives another state")
		}
	})
}
