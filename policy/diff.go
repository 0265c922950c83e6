package policy

import (
	"bytes"
	"encoding/hex"
)

// What became of a file or a policy.
const (
	ChangeAdded   = "added"
	ChangeRemoved = "removed"
	ChangeChanged = "changed"
)

// Difference is how one bundle differs from another. Its JSON is an output shape of the command line.
type Difference struct {
	Before   string         `json:"before"`  // hash, hex
	After    string         `json:"after"`   // hash, hex
	Follows  bool           `json:"follows"` // the parent that the later manifest names is the earlier bundle
	Parent   string         `json:"parent"`  // that the later manifest names; "" = none
	Engine   string         `json:"engine"`  // of both, and so is the schema: no other one compiles
	Files    []FileChange   `json:"files"`   // sorted by path
	Policies []PolicyChange `json:"policies"`
}

// FileChange is a file that is not the same, to the byte.
type FileChange struct {
	Path   string `json:"path"`
	Change string `json:"change"`
}

// PolicyChange is a policy that is not the same. Texts are as Cedar prints them, so neither layout nor
// comments nor the file that it is in make a change.
type PolicyChange struct {
	ID     string `json:"id"`
	Change string `json:"change"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// Diff says how bundle after differs from bundle before: files by path, policies by id, both sorted.
func Diff(before, after *Compiled) *Difference {
	d := &Difference{
		Before: hex.EncodeToString(before.hash[:]), After: hex.EncodeToString(after.hash[:]),
		Parent: after.manifest.Parent,
		Engine: after.manifest.Engine, Files: []FileChange{}, Policies: []PolicyChange{},
	}
	d.Follows = d.Parent == d.Before
	for _, c := range joined(before.bundle.Files, after.bundle.Files, func(f File) string { return f.Path }) {
		switch {
		case c.before == nil:
			d.Files = append(d.Files, FileChange{c.name, ChangeAdded})
		case c.after == nil:
			d.Files = append(d.Files, FileChange{c.name, ChangeRemoved})
		case !bytes.Equal(c.before.Content, c.after.Content):
			d.Files = append(d.Files, FileChange{c.name, ChangeChanged})
		}
	}
	for _, c := range joined(before.rules, after.rules, func(r *rule) string { return string(r.id) }) {
		p := PolicyChange{ID: c.name, Change: ChangeChanged}
		if c.before == nil {
			p.Change = ChangeAdded
		} else {
			p.Before = string((*c.before).policy.MarshalCedar())
		}
		if c.after == nil {
			p.Change = ChangeRemoved
		} else {
			p.After = string((*c.after).policy.MarshalCedar())
		}
		if p.Before != p.After {
			d.Policies = append(d.Policies, p)
		}
	}
	return d
}

// pair is what two lists hold under a name; nil in the one that does not.
type pair[T any] struct {
	name          string
	before, after *T
}

// joined pairs two lists that are sorted by name, each name once.
func joined[T any](before, after []T, name func(T) string) []pair[T] {
	var list []pair[T]
	for i, j := 0, 0; i < len(before) || j < len(after); {
		p := pair[T]{}
		if i < len(before) && (j == len(after) || name(before[i]) <= name(after[j])) {
			p.name, p.before = name(before[i]), &before[i]
		}
		if j < len(after) && (p.before == nil || name(after[j]) == p.name) {
			p.name, p.after = name(after[j]), &after[j]
		}
		i, j = i+count(p.before != nil), j+count(p.after != nil)
		list = append(list, p)
	}
	return list
}
