package policy

import (
	"fmt"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenName
	tokenInt
	tokenString
	tokenMark    // operators and brackets
	tokenComment // only lexer.next yields it, only Format wants it
)

// token is a piece of Cedar text.
type token struct {
	kind tokenKind
	text string
	line int
}

// lexer cuts Cedar text exactly as cedar-go v1.9.0 does (internal/scanner), but refuses what that one would
// hand on as unknown. So the parser never sees a token that the prescan did not.
type lexer struct {
	path string
	src  string
	pos  int
	line int
}

func newLexer(path string, src []byte) *lexer {
	return &lexer{path: path, src: string(src), line: 1}
}

func (l *lexer) errorf(format string, args ...any) error {
	return &Error{Path: l.path, Line: l.line, Rule: RuleText, Text: fmt.Sprintf(format, args...)}
}

// skip gives the next token that is no comment.
func (l *lexer) skip() (token, error) {
	for {
		t, err := l.next()
		if err != nil || t.kind != tokenComment {
			return t, err
		}
	}
}

// next gives the next token or comment.
func (l *lexer) next() (token, error) {
	for l.pos < len(l.src) && isSpace(l.src[l.pos]) {
		if l.src[l.pos] == '\n' {
			l.line++
		}
		l.pos++
	}
	if l.pos == len(l.src) {
		return token{kind: tokenEnd, line: l.line}, nil
	}
	start, line, c := l.pos, l.line, l.src[l.pos]
	switch {
	case isNameStart(c):
		l.while(func(c byte) bool { return isNameStart(c) || isDigit(c) })
		return token{tokenName, l.src[start:l.pos], line}, nil
	case isDigit(c):
		l.while(isDigit)
		return token{tokenInt, l.src[start:l.pos], line}, nil
	case c == '"':
		if err := l.quoted(); err != nil {
			return token{}, err
		}
		return token{tokenString, l.src[start:l.pos], line}, nil
	case c == '/':
		if err := l.comment(); err != nil {
			return token{}, err
		}
		return token{tokenComment, l.src[start:l.pos], line}, nil
	}
	n := markLen(l.src[l.pos:])
	if n == 0 {
		r, _ := utf8.DecodeRuneInString(l.src[l.pos:])
		return token{}, l.errorf("character %q has no meaning here", r)
	}
	l.pos += n
	return token{tokenMark, l.src[start:l.pos], line}, nil
}

func (l *lexer) while(in func(byte) bool) {
	for l.pos < len(l.src) && in(l.src[l.pos]) {
		l.pos++
	}
}

// quoted passes a string. Which escapes exist is the parser's business; a backslash shields one byte.
func (l *lexer) quoted() error {
	for l.pos++; l.pos < len(l.src); l.pos++ {
		switch l.src[l.pos] {
		case '"':
			l.pos++
			return nil
		case '\n':
			return l.errorf("string does not end on its line")
		case '\\':
			if l.pos++; l.pos < len(l.src) && l.src[l.pos] == '\n' {
				return l.errorf("string does not end on its line")
			}
		}
	}
	return l.errorf("string does not end")
}

func (l *lexer) comment() error {
	rest := l.src[l.pos:]
	switch {
	case len(rest) > 1 && rest[1] == '/':
		l.while(func(c byte) bool { return c != '\n' })
		return nil
	case len(rest) > 1 && rest[1] == '*':
		for i := l.pos + 2; i+1 < len(l.src); i++ {
			if l.src[i] == '\n' {
				l.line++
			}
			if l.src[i] == '*' && l.src[i+1] == '/' {
				l.pos = i + 2
				return nil
			}
		}
		return l.errorf("comment does not end")
	}
	return l.errorf("character '/' has no meaning here")
}

// checkText refuses what is no text at all, before any token is cut.
func checkText(path string, src []byte) error {
	line := 1
	for i := 0; i < len(src); {
		r, n := utf8.DecodeRune(src[i:])
		if r == 0 || r == utf8.RuneError && n == 1 {
			return &Error{Path: path, Line: line, Rule: RuleText, Text: "not UTF-8 text, or a zero byte"}
		}
		if r == '\n' {
			line++
		}
		i += n
	}
	return nil
}

// markLen is the length of the operator or bracket that s begins with; 0 if it begins with none.
func markLen(s string) int {
	if len(s) > 1 {
		switch s[:2] {
		case "::", "!=", "<=", ">=", "==", "||", "&&":
			return 2
		}
	}
	switch s[0] {
	case '@', '.', ',', ';', '(', ')', '{', '}', '[', ']', '+', '-', '*', ':', '!', '<', '>':
		return 1
	}
	return 0
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isNameStart(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
