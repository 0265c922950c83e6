package scripts

import (
	"bufio"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// Entry is one line of a golden list: an id that is never reused and the name that has it for ever.
// A retired entry keeps its id but no longer exists: whoever removes a code marks it by hand.
type Entry struct {
	ID      string
	Name    string
	Retired bool
}

func (e Entry) String() string {
	if e.Retired {
		return e.ID + " " + e.Name + " retired"
	}
	return e.ID + " " + e.Name
}

// ReadGolden reads a golden list; lines are "<id> <name>" or "<id> <name> retired".
func ReadGolden(file string) ([]Entry, error) {
	text, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var entries []Entry
	scanner := bufio.NewScanner(strings.NewReader(string(text)))
	for scanner.Scan() {
		words := strings.Fields(scanner.Text())
		retired := len(words) == 3 && words[2] == "retired"
		if len(words) != 2 && !retired {
			return nil, fmt.Errorf("%s: not an entry: %q", file, scanner.Text())
		}
		entries = append(entries, Entry{words[0], words[1], retired})
	}
	return entries, scanner.Err()
}

// Compare holds the present list against the golden one. faults are reuses: ids or names that mean something
// else than they did, that vanished, came back or stand twice; none of these can be updated away. added are
// the entries that the golden list lacks.
func Compare(golden, present []Entry) (added []Entry, faults []string) {
	ids, names, live := map[string]Entry{}, map[string]Entry{}, map[string]bool{}
	for _, e := range golden {
		if _, twice := ids[e.ID]; twice {
			faults = append(faults, fmt.Sprintf("golden list holds %s twice", e.ID))
		}
		ids[e.ID], names[e.Name] = e, e
	}
	for _, e := range present {
		if live[e.ID] {
			faults = append(faults, fmt.Sprintf("%s is declared twice", e.ID))
		}
		live[e.ID] = true
		was, known := ids[e.ID]
		other, named := names[e.Name]
		switch {
		case known && was.Retired:
			faults = append(faults, fmt.Sprintf("%s was %s and is retired for ever", e.ID, was.Name))
		case known && was.Name != e.Name:
			faults = append(faults, fmt.Sprintf("%s is %s for ever, not %s", e.ID, was.Name, e.Name))
		case !known && named && !other.Retired:
			faults = append(faults, fmt.Sprintf("%s has the id %s for ever, not %s", e.Name, other.ID, e.ID))
		case !known:
			added = append(added, e)
			ids[e.ID], names[e.Name] = e, e
		}
	}
	for _, e := range golden {
		if !e.Retired && !live[e.ID] {
			faults = append(faults, fmt.Sprintf("%s is gone: mark it retired in the golden list", e))
		}
	}
	return added, faults
}

var (
	protoField    = regexp.MustCompile(`^\s*\w+\s+(\w+)\s*=\s*(\d+);$`)
	protoReserved = regexp.MustCompile(`^\s*reserved\s+(.*);$`)
	protoComment  = regexp.MustCompile(`//.*`)
)

// OneofEntries reads the alternatives of the oneof in a message of a .proto text, those in use and then the
// reserved ones; a "reserved" of numbers is followed by one of as many names.
func OneofEntries(text, message, oneof string) (used, reserved []Entry, err error) {
	_, body, ok := strings.Cut(text, "\nmessage "+message+" {\n")
	body, _, closed := strings.Cut(body, "\n}")
	if !ok || !closed || !strings.Contains(body, "oneof "+oneof+" {") {
		return nil, nil, fmt.Errorf("no message %s with a oneof %s", message, oneof)
	}
	inside := false
	var numbers []string
	for _, line := range strings.Split(body, "\n") {
		line = strings.TrimSpace(protoComment.ReplaceAllString(line, ""))
		field, words := protoField.FindStringSubmatch(line), protoReserved.FindStringSubmatch(line)
		switch {
		case strings.HasPrefix(line, "oneof "):
			inside = line == "oneof "+oneof+" {"
		case line == "}":
			inside = false
		case inside && field != nil:
			used = append(used, Entry{ID: field[2], Name: field[1]})
		case words != nil && !strings.HasPrefix(words[1], `"`):
			if numbers, err = expand(words[1]); err != nil {
				return nil, nil, err
			}
		case words != nil:
			names := strings.Split(words[1], ",")
			if len(names) != len(numbers) {
				return nil, nil, fmt.Errorf("%d reserved names for %d numbers: %s", len(names), len(numbers), line)
			}
			for i, name := range names {
				reserved = append(reserved, Entry{ID: numbers[i], Name: strings.Trim(strings.TrimSpace(name), `"`)})
			}
			numbers = nil
		}
	}
	if numbers != nil {
		return nil, nil, fmt.Errorf("reserved numbers %v of %s have no names", numbers, message)
	}
	return used, reserved, nil
}

// expand lists the numbers of a reserved statement: "20 to 22, 24".
func expand(ranges string) ([]string, error) {
	var all []string
	for _, part := range strings.Split(ranges, ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(part), " to ")
		if !isRange {
			to = from
		}
		first, err := strconv.Atoi(from)
		if err != nil {
			return nil, err
		}
		last, err := strconv.Atoi(to)
		if err != nil {
			return nil, err
		}
		for n := first; n <= last; n++ {
			all = append(all, strconv.Itoa(n))
		}
	}
	return all, nil
}

// DeclaredCalls reads the package variables of a Go file that are declared as name = function(arguments…).
// It gives each variable's name and its arguments as they stand in the source.
func DeclaredCalls(file, function string) (names []string, arguments [][]string, err error) {
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		return nil, nil, err
	}
	for _, decl := range tree.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.VAR {
			continue
		}
		for _, spec := range group.Specs {
			value := spec.(*ast.ValueSpec)
			for i, expr := range value.Values {
				call, ok := expr.(*ast.CallExpr)
				if !ok || callee(call) == nil || callee(call).Name != function {
					continue
				}
				names = append(names, value.Names[i].Name)
				arguments = append(arguments, words(call.Args))
			}
		}
	}
	return names, arguments, nil
}

// words gives identifiers and literals as they are written, strings without their quotes.
func words(exprs []ast.Expr) []string {
	all := make([]string, len(exprs))
	for i, expr := range exprs {
		switch expr := expr.(type) {
		case *ast.Ident:
			all[i] = expr.Name
		case *ast.BasicLit:
			all[i] = strings.Trim(expr.Value, `"`)
		}
	}
	return all
}
