package driver

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestOneObservationHasOneForm(t *testing.T) {
	for text, want := range map[string]string{
		` { "b" : 1 , "a" : [ true , null ] } `: `{"a":[true,null],"b":1}`,
		`"<&>"`:                                 `"<&>"`,
		`"\u00e4\/"`:                            `"ä/"`,
		`1e3`:                                   `1e3`,
		`18446744073709551616`:                  `18446744073709551616`,
		`{"a":{"d":1,"c":{"y":1,"x":2}}}`:       `{"a":{"c":{"x":2,"y":1},"d":1}}`,
	} {
		if got, err := Canonical([]byte(text)); err != nil || string(got) != want {
			t.Errorf("%s: %s %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "{", "1 2", "nil", `{"a":1}}`, strings.Repeat("[", 20000)} {
		if got, err := Canonical([]byte(text)); err == nil {
			t.Errorf("%.20q: %s", text, got)
		}
	}
}

// TestALongObservationIsItsDigest pins the form: sha256sum of the canonical form gives the same.
func TestALongObservationIsItsDigest(t *testing.T) {
	just := `"` + strings.Repeat("x", ReadBackBytesMax-2) + `"`
	if got, err := Canonical([]byte(just)); err != nil || string(got) != just {
		t.Errorf("%.40s… %v", got, err)
	}
	const want = `{"bytes":1025,"sha256":"bd752ecad52fb02540c855864234ec6479fba3cb8278ebe0e97b612c6b326600"}`
	got, err := Canonical([]byte(` "` + strings.Repeat("x", ReadBackBytesMax-1) + `"`))
	if err != nil || string(got) != want {
		t.Errorf("%s %v, want %s", got, err, want)
	}
}

// FuzzAnAnswerIsRefusedOrCanonical: whatever a program or receiver says, what comes of it is bounded, is
// JSON, and is its own canonical form.
func FuzzAnAnswerIsRefusedOrCanonical(f *testing.F) {
	for _, seed := range []string{
		`{"observed":{"a":1.50}}`, `{"observed":"x","resources_used":9,"differs":"y"}`, `{"observed":null}`,
		`{"observed":1,"spec":{"generation":1,"backends":[{"name":"a","weight_bps":10000}]}}`,
		"{\"observed\":\"\xff\"}", `[[[`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		a, readBack, failure := parseAnswer(text)
		if failure != nil {
			if wantPrintable := printable(failure.Text, failureTextMax); wantPrintable != failure.Text {
				t.Errorf("text %q", failure.Text)
			}
			return
		}
		again, err := Canonical(readBack)
		if err != nil || !bytes.Equal(again, readBack) {
			t.Errorf("%s becomes %s %v", readBack, again, err)
		}
		if len(readBack) > ReadBackBytesMax || !json.Valid(readBack) || len(a.Observed) == 0 {
			t.Errorf("%d bytes: %s", len(readBack), readBack)
		}
	})
}

// FuzzAFenceFileIsItsOwnOrRefused: only what was written is read.
func FuzzAFenceFileIsItsOwnOrRefused(f *testing.F) {
	f.Add(formatFence("chain", "gateway", Fence{Counter: 5, Attempt: 1}))
	f.Add("mprd-fence/1 \"chain\" gateway 5 1 00\n")
	f.Fuzz(func(t *testing.T, text string) {
		fence, err := parseFence(text, "chain", "gateway")
		if err == nil && formatFence("chain", "gateway", fence) != text {
			t.Errorf("%q is %s", text, fence)
		}
	})
}
