package genesis

import (
	"errors"
	"strings"

	"mprd/tx"
)

// Parse reads a whole document, strictly, and validates it. The error joins an *Error for each fault, at most
// FaultsMax; with an error there is no document.
func Parse(raw []byte) (*Document, error) { return parse(raw, whole) }

// ParsePartial reads a document as people edit it, the policy and validators' keys being elsewhere or not yet
// made: all the rest is validated, with the lines. Join the policy, fill in the keys and Validate it.
func ParsePartial(raw []byte) (*Document, error) { return parse(raw, partial) }

func parse(raw []byte, sound []check) (*Document, error) {
	r, fault := newReader(raw)
	if fault != nil {
		return nil, fault
	}
	d := &Document{}
	r.document(d)("")
	if list := d.faults("", sound, r.faults); len(list) > 0 {
		locate(raw, list)
		return nil, list.join()
	}
	return d, nil
}

// Validate finds the faults of a document that was built or joined rather than parsed.
func (d *Document) Validate() error { return d.faults("", whole, nil).join() }

// ValidateFile finds the faults of a whole CometBFT genesis file, in which app_state is the document. The
// lines and the paths are the file's. It is nil for a file with which a chain can begin.
func ValidateFile(raw []byte) []*Error {
	r, fault := newReader(raw)
	if fault != nil {
		return faults{fault}
	}
	d, f := &Document{}, &file{}
	r.file(d, f)
	list := d.faults(appState, whole, r.faults)
	f.faults(&list, d)
	locate(raw, list)
	return list
}

// faults adds to the faults of form, found when it was read, what else is wrong with the document, which
// stands at path. If its form is wrong only what each part says for itself is looked at, and not again what
// was found already.
func (d *Document) faults(path string, sound []check, form faults) faults {
	in := &inspection{doc: d, path: path, list: form, accounts: make(map[tx.Address]*Account, len(d.Accounts)),
		operators: make(map[tx.Address]*Operator, len(d.Operators))}
	checks := sound
	if len(form) > 0 {
		checks = apart
		in.found = form[:len(form):len(form)]
	}
	for _, look := range checks {
		look(in)
	}
	return in.list
}

// Faults lists the faults that an error of Parse, ParsePartial, Validate or Apply tells; nil if it is of
// another kind.
func Faults(err error) []*Error {
	var list []*Error
	if err == nil {
		return nil
	}
	for _, one := range parts(err) {
		var fault *Error
		if errors.As(one, &fault) {
			list = append(list, fault)
		}
	}
	return list
}

// below is the path of a part of the document that stands at path.
func below(path, part string) string {
	if path == "" || part == "" || strings.HasPrefix(part, "[") {
		return path + part
	}
	return path + "." + part
}
