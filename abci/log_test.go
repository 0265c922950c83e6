package abci

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/rs/zerolog"
)

// broken is a value that cannot be printed.
type broken struct{}

func (*broken) String() string { panic("not printable") }

// counted counts how often it is formatted.
type counted struct{ times *int }

func (c counted) String() string { *c.times++; return "formatted" }

func TestCometBFTsLogIsOurs(t *testing.T) {
	var out bytes.Buffer
	b := bridge{zerolog.New(&out)}
	named := b.With("module", "consensus").(bridge)
	for _, c := range []struct {
		write func(string, ...any)
		level string
	}{
		{named.Info, "debug"}, {named.Debug, "debug"}, {named.Warn, "warn"}, {named.Error, "error"},
	} {
		out.Reset()
		c.write("hello", "height", int64(7), "hash", []byte{0xab, 1}, "err", errors.New("no"),
			5, struct{ A int }{1}, "odd")
		var line map[string]any
		if err := json.Unmarshal(out.Bytes(), &line); err != nil {
			t.Fatalf("%v: %s", err, out.String())
		}
		want := map[string]any{"level": c.level, "message": "hello", "module": "consensus", "height": 7.0,
			"hash": "AB01", "err": "no", "5": "{1}", "odd": ""}
		if fmt.Sprint(line) != fmt.Sprint(want) {
			t.Errorf("%v, want %v", line, want)
		}
	}
}

func TestWhatCannotBePrintedIsLoggedAllTheSame(t *testing.T) {
	var out bytes.Buffer
	b := bridge{zerolog.New(&out)}
	var none error
	b.Error("x", "broken", &broken{}, "nil", nil, "no error", none, nil, nil)
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line["message"] != "x" {
		t.Errorf("%v: %s", err, out.String())
	}
}

func TestALevelThatIsOffFormatsNothing(t *testing.T) {
	var out bytes.Buffer
	times := 0
	b := bridge{zerolog.New(&out).Level(zerolog.InfoLevel)}
	b.Info("x", "value", counted{&times})
	b.Debug("x", "value", counted{&times})
	if out.Len() > 0 || times > 0 {
		t.Errorf("formatted %d times: %s", times, out.String())
	}
	b.Error("x", "value", counted{&times})
	if times != 1 {
		t.Errorf("formatted %d times", times)
	}
}
