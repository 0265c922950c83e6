package genesis

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"mprd/state"
)

// Error is one fault of a document, with the place where it is.
type Error struct {
	Line int    // from 1; 0 = the whole document
	Path string // such as targets[2].spec.replicas
	Text string
}

func (e *Error) Error() string {
	switch {
	case e.Path == "":
		return fmt.Sprintf("line %d: %s", e.Line, e.Text)
	case e.Line == 0:
		return fmt.Sprintf("%s: %s", e.Path, e.Text)
	}
	return fmt.Sprintf("line %d: %s: %s", e.Line, e.Path, e.Text)
}

// Parse reads a whole document, strictly, and validates it. The error joins an *Error for each fault.
func Parse(raw []byte) (*Document, error) {
	d, lines, err := read(raw, "")
	if err != nil {
		return nil, err
	}
	return d, errors.Join(asErrors(d.faults(lines))...)
}

// ParsePartial reads a document as people edit it, the policy perhaps being elsewhere. Validate it once it is
// joined.
func ParsePartial(raw []byte) (*Document, error) {
	d, _, err := read(raw, "")
	return d, err
}

// Validate finds the faults of a document that was built or joined rather than parsed.
func (d *Document) Validate() error { return errors.Join(asErrors(d.faults(nil))...) }

// ValidateFile finds the faults of a whole CometBFT genesis file, in which app_state is the document. The
// lines are the file's.
func ValidateFile(raw []byte) []*Error {
	var file struct {
		AppState json.RawMessage `json:"app_state"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		return []*Error{jsonError(raw, err)}
	}
	if len(file.AppState) == 0 {
		return []*Error{{Path: "app_state", Text: "is absent"}}
	}
	d, lines, err := read(raw, "app_state")
	if err != nil {
		var fault *Error
		errors.As(err, &fault)
		return []*Error{fault}
	}
	return d.faults(lines)
}

func asErrors(faults []*Error) []error {
	list := make([]error, len(faults))
	for i, f := range faults {
		list[i] = f
	}
	return list
}

// read decodes the document that stands at the member of raw's top object, or raw itself.
func read(raw []byte, member string) (*Document, lineIndex, error) {
	if len(raw) > DocumentBytes {
		return nil, nil, &Error{Text: fmt.Sprintf("%d bytes, limit %d", len(raw), DocumentBytes)}
	}
	lines, document, err := walk(raw, member)
	if err != nil {
		return nil, nil, err
	}
	d := &Document{}
	decoder := json.NewDecoder(bytes.NewReader(document.bytes))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(d); err != nil {
		fault := jsonError(document.bytes, err)
		if name, ok := unknownName(err); ok {
			fault.Line = lines.named(name)
		} else if fault.Line > 0 {
			fault.Line += document.line - 1
		}
		return nil, nil, fault
	}
	if d.Params != nil {
		// Params that are named override the defaults one by one.
		params := state.DefaultParams()
		if err := json.Unmarshal(document.bytes, &struct {
			Params *state.Params `json:"params"`
		}{params}); err != nil {
			return nil, nil, jsonError(document.bytes, err)
		}
		d.Params = params
	}
	return d, lines, nil
}

// jsonError finds the line of an error of encoding/json.
func jsonError(raw []byte, err error) *Error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return &Error{Line: lineAt(raw, syntax.Offset), Text: syntax.Error()}
	case errors.As(err, &kind):
		text := fmt.Sprintf("%s where %s is wanted", kind.Value, kind.Type)
		return &Error{Line: lineAt(raw, kind.Offset), Path: kind.Field, Text: text}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return &Error{Line: lineAt(raw, int64(len(raw))), Text: "the document ends too early"}
	}
	return &Error{Text: err.Error()}
}

func unknownName(err error) (string, bool) {
	quoted, found := strings.CutPrefix(err.Error(), "json: unknown field ")
	if !found {
		return "", false
	}
	name, unquoteErr := strconv.Unquote(quoted)
	return name, unquoteErr == nil
}

func lineAt(raw []byte, offset int64) int {
	return 1 + bytes.Count(raw[:min(offset, int64(len(raw)))], []byte{'\n'})
}

// hexBytes are bytes as lower-case hex in JSON.
type hexBytes []byte

// MarshalText implements encoding.TextMarshaler.
func (b hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(b)), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *hexBytes) UnmarshalText(text []byte) error {
	raw, err := hex.DecodeString(string(text))
	*b = raw
	return err
}
