package genesis

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"mprd/tx"
)

// reader walks a JSON text token by token. encoding/json alone forgives duplicate names, other capitals and
// null, stops at the first fault and forgets lines; the reader keeps every fault and reads on.
type reader struct {
	raw    []byte // valid JSON in valid UTF-8: newReader has seen to it
	tokens *json.Decoder
	line   int // of the last token
	upTo   int64
	faults faults
}

// newReader refuses what is no JSON text of a size that can be a document.
func newReader(raw []byte) (*reader, *Error) {
	if len(raw) > DocumentBytesMax {
		return nil, &Error{Line: 1, Text: fmt.Sprintf("%d bytes, limit %d", len(raw), DocumentBytesMax)}
	}
	for i := 0; i < len(raw); {
		r, size := utf8.DecodeRune(raw[i:])
		if r == utf8.RuneError && size == 1 {
			return nil, &Error{Line: lineAt(raw, i), Text: "not UTF-8"}
		}
		i += size
	}
	var whole json.RawMessage
	if err := json.Unmarshal(raw, &whole); err != nil {
		var syntax *json.SyntaxError
		line := 1
		if errors.As(err, &syntax) {
			line = lineAt(raw, int(syntax.Offset)-1)
		}
		return nil, &Error{Line: line, Text: "not JSON: " + err.Error()}
	}
	r := &reader{raw: raw, tokens: json.NewDecoder(bytes.NewReader(raw)), line: 1}
	r.tokens.UseNumber()
	return r, nil
}

// lineAt is the line of the byte at offset, from 1.
func lineAt(raw []byte, offset int) int {
	return 1 + bytes.Count(raw[:max(min(offset, len(raw)), 0)], []byte{'\n'})
}

// next reads a token, which is there: the text is valid JSON.
func (r *reader) next() json.Token {
	token, err := r.tokens.Token()
	if err != nil {
		panic(fmt.Errorf("genesis: valid JSON that cannot be read: %w", err)) // a broken program
	}
	now := r.tokens.InputOffset()
	r.line += bytes.Count(r.raw[r.upTo:now], []byte{'\n'})
	r.upTo = now
	return token
}

// skip reads the rest of the value that began with the token.
func (r *reader) skip(token json.Token) {
	for depth := depthChange(token); depth > 0; {
		depth += depthChange(r.next())
	}
}

func depthChange(token json.Token) int {
	switch token {
	case json.Delim('{'), json.Delim('['):
		return 1
	case json.Delim('}'), json.Delim(']'):
		return -1
	}
	return 0
}

// fault notes a fault at the last token.
func (r *reader) fault(path, format string, args ...any) { r.faults.add(r.line, path, format, args...) }

// member is one name of an object and what reads its value.
type member struct {
	name     string
	required bool
	read     func(path string)
}

// object reads an object that has these members and no others, each at most once.
func (r *reader) object(path string, members ...member) {
	if token := r.next(); token != json.Delim('{') {
		r.wrong(path, token, "an object")
		return
	}
	began := r.line
	seen := make([]bool, len(members))
	for r.tokens.More() {
		name, _ := r.next().(string)
		at := join(path, name)
		i := 0
		for i < len(members) && members[i].name != name {
			i++
		}
		switch {
		case i == len(members):
			r.fault(at, "unknown field; known here: %s", names(members))
			r.skip(r.next())
		case seen[i]:
			r.fault(at, "stands there twice")
			r.skip(r.next())
		default:
			seen[i] = true
			members[i].read(at)
		}
	}
	r.next()
	for i, m := range members {
		if m.required && !seen[i] {
			r.faults.add(began, join(path, m.name), "is absent")
		}
	}
}

func names(members []member) string {
	list := make([]string, len(members))
	for i, m := range members {
		list[i] = m.name
	}
	return strings.Join(list, ", ")
}

// list reads a list of at most limit elements. Of a longer one, or once there are faults enough, the rest is
// left unread.
func (r *reader) list(limit int, element func(path string)) func(path string) {
	return func(path string) {
		if token := r.next(); token != json.Delim('[') {
			r.wrong(path, token, "a list")
			return
		}
		for i := 0; r.tokens.More(); i++ {
			if i == limit {
				r.fault(path, "more than %d elements", limit)
			}
			if i >= limit || r.faults.full() {
				r.skip(json.Delim('['))
				return
			}
			element(path + "[" + strconv.Itoa(i) + "]")
		}
		r.next()
	}
}

// texts reads an object whose names the writer chooses, at most limit of them.
func (r *reader) texts(limit int, into *map[string]string) func(path string) {
	return func(path string) {
		if token := r.next(); token != json.Delim('{') {
			r.wrong(path, token, "an object")
			return
		}
		all := make(map[string]string)
		for r.tokens.More() {
			name, _ := r.next().(string)
			at := join(path, name)
			r.whole(at, name)
			if _, twice := all[name]; twice {
				r.fault(at, "stands there twice")
			} else if len(all) == limit {
				r.fault(path, "more than %d members", limit)
				r.skip(json.Delim('{'))
				return
			}
			all[name], _ = r.word(at)
		}
		r.next()
		*into = all
	}
}

// text reads a string.
func (r *reader) text(into *string) func(path string) {
	return func(path string) {
		if text, ok := r.word(path); ok {
			*into = text
		}
	}
}

func (r *reader) word(path string) (string, bool) {
	token := r.next()
	text, ok := token.(string)
	if !ok {
		r.wrong(path, token, "a text")
		return "", false
	}
	return text, r.whole(path, text)
}

// whole refuses U+FFFD: the decoder puts it where an escape gives half a character, and then two documents
// that differ would read the same.
func (r *reader) whole(path, text string) bool {
	if strings.ContainsRune(text, utf8.RuneError) {
		r.fault(path, "holds half a character, or U+FFFD")
		return false
	}
	return true
}

// strings reads a list of strings.
func (r *reader) strings(limit int, into *[]string) func(path string) {
	return r.list(limit, func(path string) {
		text, _ := r.word(path)
		*into = append(*into, text)
	})
}

// flag reads true or false.
func (r *reader) flag(into *bool) func(path string) {
	return func(path string) {
		token := r.next()
		value, ok := token.(bool)
		if !ok {
			r.wrong(path, token, "true or false")
			return
		}
		*into = value
	}
}

// number reads a whole number.
func (r *reader) number(into *uint64) func(path string) { return r.integer(64, false, into) }

// number32 reads a whole number of at most 32 bits.
func (r *reader) number32(into *uint32) func(path string) {
	return func(path string) {
		var wide uint64
		r.integer(32, false, &wide)(path)
		*into = uint32(wide)
	}
}

// amount reads base units: a number, or its decimal digits as a string, since some writers of JSON keep only
// 53 bits of a number.
func (r *reader) amount(into *uint64) func(path string) { return r.integer(64, true, into) }

func (r *reader) integer(bits int, quoted bool, into *uint64) func(path string) {
	return func(path string) {
		token := r.next()
		digits := ""
		switch value := token.(type) {
		case json.Number:
			digits = value.String()
		case string:
			if !quoted {
				r.wrong(path, token, "a number")
				return
			}
			digits = value
		default:
			r.wrong(path, token, "a number")
			return
		}
		if digits == "" || len(digits) > 1 && digits[0] == '0' || strings.Trim(digits, "0123456789") != "" {
			r.fault(path, "%.40q, want a whole number in decimal digits: no sign, fraction or exponent", digits)
			return
		}
		value, err := strconv.ParseUint(digits, 10, bits)
		if err != nil {
			r.fault(path, "%.40s does not fit in %d bits", digits, bits)
			return
		}
		*into = value
	}
}

// hex reads n bytes as lower-case hexadecimal digits.
func (r *reader) hex(n int, into *hexBytes) func(path string) {
	return func(path string) {
		text, ok := r.word(path)
		if !ok {
			return
		}
		raw, err := hex.DecodeString(text)
		if err != nil || len(raw) != n || hex.EncodeToString(raw) != text {
			r.fault(path, "%.80q, want %d lower-case hexadecimal digits", text, 2*n)
			return
		}
		*into = raw
	}
}

// address reads an address in its shown form.
func (r *reader) address(into *tx.Address) func(path string) {
	return func(path string) {
		text, ok := r.word(path)
		if !ok {
			return
		}
		address, err := tx.ParseAddress(text)
		if err != nil {
			r.fault(path, "%s", err)
			return
		}
		*into = address
	}
}

// wrong notes that the value which begins with the token is of another kind, and reads past it.
func (r *reader) wrong(path string, token json.Token, want string) {
	kind := "null"
	switch value := token.(type) {
	case json.Delim:
		kind = map[json.Delim]string{'{': "an object", '[': "a list"}[value]
	case string:
		kind = "a text"
	case json.Number:
		kind = "a number"
	case bool:
		kind = strconv.FormatBool(value)
	}
	r.fault(path, "%s, want %s", kind, want)
	r.skip(token)
}

// join is the path of a member. A name that is no plain word is quoted, so that nothing unprintable and
// nothing endless gets into a path.
func join(path, name string) string {
	plain := name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
	switch {
	case !plain || len(name) > tx.NameBytesMax:
		return fmt.Sprintf("%s[%.64q]", path, name)
	case path == "":
		return name
	}
	return path + "." + name
}
