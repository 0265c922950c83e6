package policy

import (
	"bytes"
	"slices"
	"strings"
)

// Format lays Cedar text out in one way and keeps its comments and its lines: two spaces for every open
// bracket, one space between tokens where Cedar's own style has one, never two empty lines, a line end at
// the end. Tokens are never changed, so the policies are the same; formatting twice changes nothing more.
// Errors are those of the prescan.
func Format(src []byte) ([]byte, error) {
	if _, err := prescan("", src); err != nil {
		return nil, err
	}
	l := newLexer("", src)
	var lines [][]token
	blank := 0
	for {
		t, err := l.next()
		if err != nil {
			return nil, err
		}
		if t.kind == tokenEnd {
			break
		}
		last := len(lines) - 1
		if last < 0 || t.line != blank {
			if last >= 0 && t.line > blank+1 {
				lines = append(lines, nil)
			}
			lines = append(lines, nil)
			last = len(lines) - 1
		}
		lines[last] = append(lines[last], t)
		blank = t.line + strings.Count(t.text, "\n")
	}
	var out bytes.Buffer
	depth := 0
	for _, line := range lines {
		indent := depth - leadingCloses(line)
		for i, t := range line {
			switch {
			case i == 0:
				out.WriteString(strings.Repeat("  ", max(indent, 0)))
			case spaced(line, i):
				out.WriteByte(' ')
			}
			out.WriteString(strings.TrimRight(t.text, " \t\r"))
			depth += opens(t) - closes(t)
		}
		out.WriteByte('\n')
	}
	return out.Bytes(), nil
}

func leadingCloses(line []token) int {
	n := 0
	for n < len(line) && closes(line[n]) > 0 {
		n++
	}
	return n
}

func opens(t token) int {
	return count(t.kind == tokenMark && (t.text == "(" || t.text == "[" || t.text == "{"))
}

func closes(t token) int {
	return count(t.kind == tokenMark && (t.text == ")" || t.text == "]" || t.text == "}"))
}

// spacedWords stand apart from a bracket behind them: they are not called.
var spacedWords = []string{"permit", "forbid", "if", "then", "else", "in"}

// spaced tells whether a space belongs before line[i]; i > 0.
func spaced(line []token, i int) bool {
	before, t := line[i-1], line[i]
	if before.kind == tokenComment || t.kind == tokenComment {
		return true
	}
	switch t.text {
	case ",", ";", ")", "]", ".", "::", ":":
		return false
	case "(":
		return before.kind != tokenName && before.text != "(" && before.text != "[" && before.text != "!" ||
			slices.Contains(spacedWords, before.text)
	case "[":
		return before.kind == tokenMark && before.text != "(" && before.text != "[" && before.text != ")" &&
			before.text != "]" || before.text == "in"
	}
	switch before.text {
	case "(", "[", ".", "::", "@", "!":
		return false
	case "-":
		return i > 1 && !startsOperand(line[i-2])
	}
	return true
}

// startsOperand tells whether a - after this token is a sign and not a subtraction.
func startsOperand(before token) bool {
	if before.kind != tokenMark {
		return false
	}
	switch before.text {
	case ")", "]", "}":
		return false
	}
	return true
}
