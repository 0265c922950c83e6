package genesis

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// depthMax bounds the nesting of a document; the deepest there is has six levels, below app_state.
const depthMax = 16

// lineIndex says on which line each JSON path begins.
type lineIndex map[string]int

// at is the line of a path, or of the nearest thing around it.
func (l lineIndex) at(path string) int {
	for path != "" {
		if line, ok := l[path]; ok {
			return line
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return l[""]
}

// named is the first line on which a member of this name stands.
func (l lineIndex) named(name string) int {
	first := 0
	for path, line := range l { //mprd:sorted a minimum has no order
		if strings.HasSuffix("."+path, "."+name) && (first == 0 || line < first) {
			first = line
		}
	}
	return first
}

// part is a piece of a JSON text.
type part struct {
	bytes []byte
	line  int // on which it begins
}

// walker reads a JSON text token by token; encoding/json alone forgives duplicate names and forgets lines.
type walker struct {
	raw     []byte
	decoder *json.Decoder
	lines   lineIndex
	from    string // path of the document inside raw; its paths are recorded without it
	found   part
	offset  int64 // up to which lines are counted
	line    int
}

// walk indexes the lines of the document at member of raw's top object, or of raw itself, and refuses
// duplicate names, deep nesting and trailing data.
func walk(raw []byte, member string) (lineIndex, part, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	w := &walker{raw: raw, decoder: decoder, lines: lineIndex{}, from: member, line: 1}
	w.decoder.UseNumber()
	if err := w.value("", 0); err != nil {
		return nil, part{}, err
	}
	if _, err := w.decoder.Token(); err == nil {
		return nil, part{}, w.fault("", "something follows the document")
	}
	return w.lines, w.found, nil
}

func (w *walker) here() int {
	now := w.decoder.InputOffset()
	w.line += bytes.Count(w.raw[w.offset:now], []byte{'\n'})
	w.offset = now
	return w.line
}

func (w *walker) fault(path, text string) error {
	return &Error{Line: w.here(), Path: path, Text: text}
}

func (w *walker) value(path string, depth int) error {
	if depth > depthMax {
		return w.fault(path, fmt.Sprintf("nested deeper than %d", depthMax))
	}
	before := w.decoder.InputOffset()
	token, err := w.decoder.Token()
	if err != nil {
		return jsonError(w.raw, err)
	}
	line := w.here()
	if inner, ok := w.inside(path); ok {
		w.lines[inner] = line
	}
	switch token {
	case json.Delim('{'):
		err = w.object(path, depth)
	case json.Delim('['):
		err = w.array(path, depth)
	}
	if err == nil && path == w.from {
		text := w.raw[before:w.decoder.InputOffset()]
		start := bytes.IndexAny(text, "{[\"tfn-0123456789")
		w.found = part{text[max(start, 0):], line}
	}
	return err
}

// inside is the path below the document, if it is there.
func (w *walker) inside(path string) (string, bool) {
	if path == w.from {
		return "", true
	}
	if w.from == "" {
		return path, true
	}
	return strings.CutPrefix(path, w.from+".")
}

func (w *walker) object(path string, depth int) error {
	seen := make(map[string]bool)
	for w.decoder.More() {
		token, err := w.decoder.Token()
		if err != nil {
			return jsonError(w.raw, err)
		}
		name := token.(string) // in an object the decoder gives nothing else here
		if seen[name] {
			return w.fault(path, fmt.Sprintf("%q stands there twice", name))
		}
		seen[name] = true
		if inner, ok := w.inside(path); ok && !freeNames(inner) && strings.ToLower(name) != name {
			return w.fault(path, fmt.Sprintf("unknown field %q: names are lower-case", name))
		}
		if err := w.value(join(path, name), depth+1); err != nil {
			return err
		}
	}
	_, err := w.decoder.Token()
	if err != nil {
		return jsonError(w.raw, err)
	}
	return nil
}

// freeNames tells the objects whose members the writer names.
func freeNames(path string) bool { return path == "policy" || strings.HasSuffix(path, ".labels") }

func (w *walker) array(path string, depth int) error {
	for i := 0; w.decoder.More(); i++ {
		if err := w.value(fmt.Sprintf("%s[%d]", path, i), depth+1); err != nil {
			return err
		}
	}
	if _, err := w.decoder.Token(); err != nil {
		return jsonError(w.raw, err)
	}
	return nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
