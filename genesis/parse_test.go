package genesis

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"mprd/tx"
)

func TestWhatIsNoDocumentIsRefusedWithItsLine(t *testing.T) {
	for _, c := range []struct {
		name, text string
		line       int
		words      string
	}{
		{"empty", "", 1, "not JSON"},
		{"blank", "\n\n", 2, "not JSON"},
		{"cut off", "{\n  \"accounts\": [", 2, "not JSON"},
		{"trailing comma", "{\n  \"accounts\": [1,\n]}", 3, "not JSON"},
		{"trailing data", "{}\n{}", 2, "not JSON"},
		{"not UTF-8", "{\n\"a\xff\": 1}", 2, "not UTF-8"},
		{"byte order mark", "\ufeff{}", 1, "not JSON"},
		{"a list", "\n[[1], {}]", 2, "a list, want an object"},
		{"null", "null", 1, "null, want an object"},
		{"nested without end", strings.Repeat("[", 1_000_000), 1, "not JSON"},
		{"deep, where nothing is known", `{"x": ` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + "}", 1,
			"unknown field"},
		{"too large", strings.Repeat(" ", DocumentBytesMax+1), 1, "limit 134217728"},
	} {
		for _, read := range []func([]byte) (*Document, error){Parse, ParsePartial} {
			d, err := read([]byte(c.text))
			var fault *Error
			if !errors.As(err, &fault) || d != nil {
				t.Errorf("%s: %v, want an *Error and no document", c.name, err)
				continue
			}
			if first := Faults(err)[0]; first.Line != c.line || !strings.Contains(first.Text, c.words) {
				t.Errorf("%s: %q, want line %d, %q", c.name, first, c.line, c.words)
			}
		}
	}
}

func TestAllFaultsAreToldAtOnce(t *testing.T) {
	text := small(t, `"gap_ms": 500`, `"gap_ms": 0.5`, `"class": "agent"`, `"class": "robot"`,
		`"entity": "acme-security"`, `"entity": 3`, `"replicas": 4`, `"replicas": 40`)
	_, err := Parse([]byte(text))
	var paths []string
	for _, f := range Faults(err) {
		paths = append(paths, f.Path)
		if f.Line == 0 {
			t.Errorf("%s has no line", f)
		}
	}
	const want = "params.gap_ms accounts[1].entity accounts[0].class targets[0].spec.replicas"
	if got := strings.Join(paths, " "); got != want {
		t.Errorf("faults at %s, want %s", got, want)
	}
}

func TestFaultsAreToldUpToTheirLimit(t *testing.T) {
	accounts := strings.Repeat("{\"balance\": -1},\n", 100)
	_, err := Parse([]byte(`{"accounts": [` + accounts + `{}]}`))
	if n := len(Faults(err)); n != FaultsMax {
		t.Errorf("%d faults told, want %d", n, FaultsMax)
	}
}

// repeated is a list of n times the element.
func repeated(element string, n int) string {
	return "[" + strings.Repeat(element+",", n-1) + element + "]"
}

func TestEveryLimitIsHit(t *testing.T) {
	account := `{"address": "` + autoscaler + `", "class": "agent", "balance": 0, "public_key":` +
		` "a849bc530aadba524c05369285e5d17a36a05fdded75f39bd0bec3ec7e3e0f17"}`
	target := `{"id":"a","fleet":"a","tier":"a","region":"a","critical":true,"executor_group":"a",` +
		`"bounds":{},"spec":{"generation":1}}`
	var labels, files []string
	for i := range 66 {
		labels = append(labels, fmt.Sprintf(`"l%d": ""`, i))
		files = append(files, fmt.Sprintf(`"policies/p%d.cedar": ""`, i))
	}
	for _, c := range []struct{ old, new, path string }{
		{`"accounts": [`, `"accounts": ` + repeated(account, AccountsMax+1) + `, "x": [`, "accounts"},
		{`"operators": [`, `"operators": ` + repeated(`{"address": "`+autoscaler+`"}`, OperatorsMax+1) + `, "x": [`,
			"operators"},
		{`"validators": [`, `"validators": ` + repeated(`{"operator": "`+autoscaler+`"}`, ValidatorsMax+1) + `, "x": [`,
			"validators"},
		{`"targets": [`, `"targets": ` + repeated(target, TargetsMax+1) + `, "x": [`, "targets"},
		{`"members": [`, `"members": ` + repeated(`"`+autoscaler+`"`, MembersMax+1) + `, "x": [`,
			"committees.approvers.members"},
		{`"kind": "gateway"`, strings.Join(labels, ","), "targets[0].labels"},
		{`["green", "blue"]`, repeated(`"a"`, 65), "targets[0].bounds.backends"},
		{`["tls-edge", "api-admin"]`, repeated(`"a"`, CredentialsMax+1), "targets[0].bounds.credentials"},
		{`[0, 0, 3, 0, 3]`, repeated(`0`, paramListMax+1), "params.min_k"},
		{`"policy": {`, `"policy": {` + strings.Join(files, ",") + `,`, "policy"},
	} {
		_, err := Parse([]byte(small(t, c.old, c.new)))
		found := false
		for _, f := range Faults(err) {
			found = found || f.Path == c.path && strings.Contains(f.Text, "more than ")
		}
		if !found {
			t.Errorf("%s beyond its limit: %s", c.path, told(Faults(err)))
		}
	}
}

func TestADocumentMadeByHandKeepsTheSameLimits(t *testing.T) {
	for _, c := range []struct {
		path  string
		spoil func(d *Document)
	}{
		{"accounts", func(d *Document) { d.Accounts = make([]Account, AccountsMax+1) }},
		{"accounts", func(d *Document) { d.Accounts = nil }},
		{"accounts[0].roles", func(d *Document) { d.Accounts[0].Roles = make([]string, RolesMax+1) }},
		{"accounts[0].public_key", func(d *Document) { d.Accounts[0].PublicKey = nil }},
		{"accounts", func(d *Document) {
			d.Pools, d.Operators, d.Validators = Pools{}, nil, nil
			for i := range d.Accounts {
				d.Accounts[i].Balance = 0
			}
		}},
		{"operators[0].executor_groups", func(d *Document) { d.Operators[0].ExecutorGroups = make([]string, 17) }},
		{"committees.guardians.members", func(d *Document) {
			d.Committees.Guardians.Members = append(d.Committees.Guardians.Members, make([]tx.Address, 64)...)
		}},
		{"validators", func(d *Document) { d.Validators = make([]Validator, 101) }},
		{"validators[0].public_key", func(d *Document) { d.Validators[0].PublicKey = make([]byte, 31) }},
		{"targets", func(d *Document) { d.Targets = make([]Target, TargetsMax+1) }},
		{"targets[0].labels", func(d *Document) {
			for i := range LabelsMax + 1 {
				d.Targets[0].Labels[fmt.Sprint(i)] = ""
			}
		}},
		{"targets[0].bounds.backends", func(d *Document) { d.Targets[0].Bounds.Backends = make([]string, 65) }},
		{"targets[0].bounds.credentials", func(d *Document) { d.Targets[0].Bounds.Credentials = make([]string, 65) }},
		{"targets[0].spec.credentials[1].digest", func(d *Document) { d.Targets[0].Spec.Credentials[1].Digest = nil }},
		{"policy", func(d *Document) { d.Policy = nil }},
		{"policy", func(d *Document) { d.Policy["policies/b.cedar"] = strings.Repeat(" ", 96*1024) }},
	} {
		d := mustParse(t, small(t))
		c.spoil(d)
		found := false
		list := Faults(d.Validate())
		for _, f := range list {
			found = found || f.Path == c.path
		}
		if !found {
			t.Errorf("no fault at %s, but %s", c.path, told(list))
		}
	}
}

func TestAPartialDocumentNeedsNoPolicyButAllTheRest(t *testing.T) {
	partial := strings.Replace(smallText, "},\n  \"policy\": {POLICY}", "}", 1)
	d, err := ParsePartial([]byte(partial))
	if err != nil {
		t.Fatal(err)
	}
	if list := Faults(d.Validate()); len(list) != 1 || list[0].Path != "policy" {
		t.Errorf("without a policy: %s", told(list))
	}
	d.Join(smallBundle(t))
	if err := d.Validate(); err != nil {
		t.Errorf("joined: %v", err)
	}
	_, err = ParsePartial([]byte(strings.Replace(partial, `"replicas": 4`, `"replicas": 40`, 1)))
	if list := Faults(err); len(list) != 1 || list[0].Line == 0 || list[0].Path != "targets[0].spec.replicas" {
		t.Errorf("spoiled: %s", told(list))
	}
	if _, err := Parse([]byte(partial)); err == nil {
		t.Error("a whole document without a policy is accepted")
	}
}
