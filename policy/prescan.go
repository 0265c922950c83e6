package policy

import (
	"fmt"
	"slices"
)

// prescan refuses what could hurt Cedar's parser, which has no limits of its own: nesting overflows the stack
// and cannot be recovered, long member chains are quadratic (protocol §5). It runs before the parser sees a
// byte. It gives the number of policies that the text holds.
func prescan(path string, src []byte) (int, error) {
	if err := checkText(path, src); err != nil {
		return 0, err
	}
	l := newLexer(path, src)
	s := scan{path: path}
	for {
		t, err := l.skip()
		if err != nil {
			return 0, err
		}
		if t.kind == tokenEnd {
			return s.end(t)
		}
		if err := s.take(t); err != nil {
			return 0, err
		}
	}
}

// level is what the scan knows inside one open bracket.
type level struct {
	close string // what ends it
	nests int    // signs before it, and ifs inside: an else reaches to the end of the bracket
	chain int    // accesses in a row that led to the present token
}

// scan is the state of a prescan: it judges one token after the other.
type scan struct {
	path     string
	levels   [DepthMax + 1]level // [0] is outside of all brackets
	open     int
	nests    int  // over all open levels
	signs    int  // - and ! in a row
	tokens   int  // in the present policy
	has      int  // attributes and tags asked for in the present policy
	asking   bool // after a has, as long as its path goes on
	policies int
	last     token
}

func (s *scan) errorf(t token, rule, format string, args ...any) error {
	return &Error{Path: s.path, Line: t.line, Rule: rule, Text: fmt.Sprintf(format, args...)}
}

func (s *scan) take(t token) error {
	if s.tokens++; s.tokens > PolicyTokensMax {
		return s.errorf(t, RuleTokens, "more than %d tokens in one policy", PolicyTokensMax)
	}
	if err := s.chain(t); err != nil {
		return err
	}
	if err := s.nest(t); err != nil {
		return err
	}
	if s.signs++; t.text != "-" && t.text != "!" {
		s.signs = 0
	}
	if depth := s.open + s.nests + s.signs; depth > DepthMax {
		return s.errorf(t, RuleDepth, "nested deeper than %d", DepthMax)
	}
	if err := s.ask(t); err != nil {
		return err
	}
	if t.text == "(" && slices.Contains(extensions, s.last.text) {
		return s.errorf(t, RuleExtension, "%s is not available: numbers are Longs", s.last.text)
	}
	if t.text == ";" && s.open == 0 {
		s.policies++
		s.tokens, s.has = 0, 0
	}
	s.last = t
	return nil
}

// extensions make values other than those of the schema.
var extensions = []string{"decimal", "ip", "datetime", "duration"}

// nest follows brackets, ifs and the signs before brackets.
func (s *scan) nest(t token) error {
	switch t.text {
	case "if":
		s.levels[s.open].nests++
		s.nests++
	case "(", "[", "{":
		if s.open == DepthMax {
			return s.errorf(t, RuleDepth, "nested deeper than %d", DepthMax)
		}
		s.open++
		s.levels[s.open] = level{close: closing(t.text), nests: s.signs}
		s.nests += s.signs
	case ")", "]", "}":
		l := s.levels[s.open]
		if s.open == 0 || l.close != t.text {
			return s.errorf(t, RuleText, "%s closes nothing", t.text)
		}
		s.nests -= l.nests
		s.open--
		// What is inside goes on outside: (a.b).c is a chain of two.
		s.levels[s.open].chain = max(s.levels[s.open].chain, l.chain)
	case ";":
		if s.open > 0 {
			return s.errorf(t, RuleText, "; inside brackets")
		}
		s.nests, s.levels[0] = 0, level{}
	}
	return nil
}

// chain counts accesses and path names in a row.
func (s *scan) chain(t token) error {
	l := &s.levels[s.open]
	follows := s.last.kind == tokenName || s.last.kind == tokenString ||
		s.last.text == ")" || s.last.text == "]" || s.last.text == "}"
	switch {
	case t.text == "." || t.text == "::" || t.text == "[" && follows:
		l.chain++
	case t.kind == tokenName || t.kind == tokenString:
		if s.last.text != "." && s.last.text != "::" && s.last.text != "[" {
			l.chain = 0
		}
	case t.text == "(" && follows, t.text == ")", t.text == "]", t.text == "}":
		// a call, or the end of something: nest decides
	default:
		l.chain = 0
	}
	if l.chain > ChainMax {
		return s.errorf(t, RuleChain, "more than %d accesses in a row", ChainMax)
	}
	return nil
}

// ask counts what a policy asks for with has and hasTag; a has b.c asks for two.
func (s *scan) ask(t token) error {
	switch {
	case t.text == "has" || t.text == "hasTag":
		s.has++
		s.asking = t.text == "has"
	case s.asking && t.text == ".":
		s.has++
	case t.kind != tokenName:
		s.asking = false
	}
	if s.has > HasMax {
		return s.errorf(t, RuleHas, "asks for more than %d attributes and tags in one policy", HasMax)
	}
	return nil
}

func (s *scan) end(t token) (int, error) {
	if s.open > 0 {
		return 0, s.errorf(t, RuleText, "%s is missing", s.levels[s.open].close)
	}
	if s.tokens > 0 {
		return 0, s.errorf(t, RuleText, "; is missing at the end")
	}
	return s.policies, nil
}

func closing(open string) string {
	switch open {
	case "(":
		return ")"
	case "[":
		return "]"
	}
	return "}"
}
