package genesis

import (
	"encoding/json"
	"strconv"
	"strings"
)

// locate gives every fault that has no line yet the line of its path, or of the nearest thing around it that
// is there. raw is what the document was read from; the paths are those of raw.
func locate(raw []byte, list faults) {
	var open faults
	for _, f := range list {
		if f.Line == 0 {
			open = append(open, f)
		}
	}
	if len(open) == 0 {
		return
	}
	r, fault := newReader(raw)
	if fault != nil {
		return
	}
	r.locate("", 1, open)
}

// locate reads one value, which stands at path; line is that of its name, or 0.
func (r *reader) locate(path string, line int, open faults) {
	token := r.next()
	if line == 0 {
		line = r.line
	}
	var below faults
	for _, f := range open {
		if within(f.Path, path) {
			f.Line = line
			below = append(below, f)
		}
	}
	switch {
	case len(below) == 0:
		r.skip(token)
	case token == json.Delim('{'):
		for r.tokens.More() {
			name, _ := r.next().(string)
			r.locate(join(path, name), r.line, below)
		}
		r.next()
	case token == json.Delim('['):
		for i := 0; r.tokens.More(); i++ {
			r.locate(path+"["+strconv.Itoa(i)+"]", 0, below)
		}
		r.next()
	}
}

// within reports whether path is at around or below it.
func within(path, around string) bool {
	rest, ok := strings.CutPrefix(path, around)
	return ok && (around == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
}
