package policy

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	cedar "github.com/cedar-policy/cedar-go"
	publicast "github.com/cedar-policy/cedar-go/ast"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/schema"
	"github.com/cedar-policy/cedar-go/x/exp/schema/resolved"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"
)

// Compiled is a bundle that is ready to decide. It never changes and is safe for concurrent use.
type Compiled struct {
	hash     [32]byte
	manifest Manifest
	bundle   Bundle
	rules    []*rule // sorted by id
	ops      [opCount]plan
	memory   *memory
}

// rule is one policy of a bundle.
type rule struct {
	id     cedar.PolicyID
	path   string
	line   int
	k      uint32 // approvals that a guard asks for; 0 = no guard
	scope  scope
	policy *cedar.Policy // as written
	body   *cedar.Policy // its conditions alone: what is left to ask once the scope matches
}

func (r *rule) ast() *ast.Policy { return (*ast.Policy)(r.policy.AST()) }

// plan is what can be known of an op before a request comes.
type plan struct {
	rules []*rule // those whose action scope matches, sorted by id
	reads fields  // what their conditions can read
}

// Compile judges a bundle and prepares it. Every refusal is an *Error. Cedar's parser sees only what the
// prescan let pass.
func Compile(b Bundle) (*Compiled, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	m, err := b.manifest()
	if err != nil {
		return nil, err
	}
	if text, ok := b.file(SchemaPath); !ok || string(text) != schemaText {
		return nil, &Error{Path: SchemaPath, Rule: RuleSchema, Text: "is not the engine's schema, byte for byte"}
	}
	for _, f := range b.in(TestsDir) {
		if err := prescanJSON(f.Path, f.Content); err != nil {
			return nil, err
		}
	}
	c := &Compiled{hash: b.Hash(), manifest: *m, bundle: b.clone(), memory: newMemory()}
	if c.rules, err = parseRules(b); err != nil {
		return nil, err
	}
	checker, err := model()
	if err != nil {
		return nil, err
	}
	for _, r := range c.rules {
		if err := r.check(checker); err != nil {
			return nil, err
		}
	}
	c.plan()
	return c, nil
}

// Hash is the bundle's.
func (c *Compiled) Hash() [32]byte { return c.hash }

// Manifest is the bundle's.
func (c *Compiled) Manifest() Manifest { return c.manifest }

// Policies gives the ids, sorted.
func (c *Compiled) Policies() []string {
	out := make([]string, len(c.rules))
	for i, r := range c.rules {
		out[i] = string(r.id)
	}
	return out
}

// Guard gives k of the guard with this id; 0 if there is no such guard.
func (c *Compiled) Guard(id string) uint32 {
	if r := c.rule(cedar.PolicyID(id)); r != nil {
		return r.k
	}
	return 0
}

func (c *Compiled) rule(id cedar.PolicyID) *rule {
	i, found := slices.BinarySearchFunc(c.rules, id,
		func(r *rule, id cedar.PolicyID) int { return strings.Compare(string(r.id), string(id)) })
	if !found {
		return nil
	}
	return c.rules[i]
}

// clone keeps a later change of the caller's bytes away from the compiled bundle.
func (b Bundle) clone() Bundle {
	out := Bundle{Files: make([]File, len(b.Files))}
	for i, f := range b.Files {
		out.Files[i] = File{Path: f.Path, Content: bytes.Clone(f.Content)}
	}
	return out
}

// model is the validator of the engine's schema.
var model = sync.OnceValues(func() (*validate.Validator, error) {
	s, err := resolvedSchema()
	if err != nil {
		return nil, err
	}
	return validate.New(s, validate.WithStrict()), nil
})

func resolvedSchema() (*resolved.Schema, error) {
	var s schema.Schema
	s.SetFilename(SchemaPath)
	if err := s.UnmarshalCedar([]byte(schemaText)); err != nil {
		return nil, fmt.Errorf("the engine's schema: %w", err)
	}
	return s.Resolve()
}

// parseRules parses all policy files and gives their policies, sorted by id.
func parseRules(b Bundle) ([]*rule, error) {
	files := b.in(PoliciesDir)
	counts := make([]int, len(files))
	total := 0
	for i, f := range files {
		n, err := prescan(f.Path, f.Content)
		if err != nil {
			return nil, err
		}
		counts[i] = n
		total += n
	}
	if total == 0 || total > PoliciesMax {
		return nil, &Error{Rule: RuleCount, Text: fmt.Sprintf("%d policies, want 1 to %d", total, PoliciesMax)}
	}
	var rules []*rule
	for i, f := range files {
		list, err := cedar.NewPolicyListFromBytes(f.Path, f.Content)
		if err != nil {
			return nil, syntaxError(f.Path, err)
		}
		if len(list) != counts[i] {
			return nil, &Error{Path: f.Path, Rule: RuleSyntax, Text: "policies cannot be told apart"}
		}
		for _, p := range list {
			r, err := newRule(f.Path, p)
			if err != nil {
				return nil, err
			}
			rules = append(rules, r)
		}
	}
	slices.SortStableFunc(rules, func(a, b *rule) int { return strings.Compare(string(a.id), string(b.id)) })
	for i := 1; i < len(rules); i++ {
		if rules[i-1].id == rules[i].id {
			return nil, rules[i].errorf(RuleID, "@id %q is there twice", rules[i].id)
		}
	}
	return rules, nil
}

func newRule(path string, p *cedar.Policy) (*rule, error) {
	r := &rule{path: path, line: p.Position().Line, policy: p}
	notes := p.Annotations()
	id, ok := notes["id"]
	if !ok {
		return nil, r.errorf(RuleID, "@id is missing")
	}
	if !allowedName(string(id)) {
		return nil, r.errorf(RuleID, "@id %q is not a name: a-z, 0-9, - and _", string(id))
	}
	r.id = cedar.PolicyID(id)
	k, guard := notes["k"]
	if guard {
		n, err := strconv.ParseUint(string(k), 10, 32)
		if err != nil || n < 1 || n > ApprovalsMax || strconv.FormatUint(n, 10) != string(k) {
			return nil, r.errorf(RuleGuard, "@k %q is not a number from 1 to %d", string(k), ApprovalsMax)
		}
		r.k = uint32(n)
	}
	r.scope = newScope(r.ast())
	r.body = bodyOf(r.ast())
	return r, nil
}

// bodyOf leaves the scope out. Cedar evaluates a policy as principal && action && resource && conditions, and
// a scope cannot fail, so where the scope matches, the body alone gives the same.
func bodyOf(p *ast.Policy) *cedar.Policy {
	body := *p
	body.Principal, body.Action, body.Resource = ast.Scope{}.All(), ast.Scope{}.All(), ast.Scope{}.All()
	return cedar.NewPolicyFromAST((*publicast.Policy)(&body))
}

func (r *rule) errorf(rule, format string, args ...any) error {
	return &Error{Path: r.path, Line: r.line, Rule: rule, Text: fmt.Sprintf(format, args...)}
}

// check holds strict validation and the lints.
func (r *rule) check(v *validate.Validator) error {
	if err := r.lint(); err != nil {
		return err
	}
	if err := v.Policy(string(r.id), r.ast()); err != nil {
		return r.errorf(RuleType, "%v", err)
	}
	return nil
}

// plan sorts the rules by what they can match.
func (c *Compiled) plan() {
	for op := range opCount {
		p := &c.ops[op]
		for _, r := range c.rules {
			if r.scope.matchesAction(op) {
				p.rules = append(p.rules, r)
			}
		}
		p.reads = readsOf(p.rules)
	}
}

var inputPosition = regexp.MustCompile(`<input>:(\d+):(\d+)`)

// syntaxError finds the line in the parser's text.
func syntaxError(path string, err error) error {
	e := &Error{Path: path, Rule: RuleSyntax, Text: err.Error()}
	if m := inputPosition.FindStringSubmatch(e.Text); m != nil {
		e.Line, _ = strconv.Atoi(m[1])
		e.Text = strings.TrimPrefix(strings.Replace(e.Text, m[0], "column "+m[2], 1), "parser error: ")
	}
	return e
}
