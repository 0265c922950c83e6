package policy

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
)

// ManifestFormat is the one format of bundles that there is.
const ManifestFormat = 1

// Manifest says how a bundle is to be read.
type Manifest struct {
	Format int    `json:"format"` // ManifestFormat
	Engine string `json:"engine"` // Engine
	Parent string `json:"parent"` // hex of the hash of the bundle that this one follows; "" = none
}

// manifest reads and judges manifest.json.
func (b Bundle) manifest() (*Manifest, error) {
	src, ok := b.file(ManifestPath)
	if !ok {
		return nil, &Error{Path: ManifestPath, Rule: RulePath, Text: "is missing"}
	}
	if err := prescanJSON(ManifestPath, src); err != nil {
		return nil, err
	}
	refuse := func(rule, format string, args ...any) error {
		return &Error{Path: ManifestPath, Rule: rule, Text: fmt.Sprintf(format, args...)}
	}
	if err := manifestKeys(src); err != nil {
		return nil, refuse(RuleManifest, "%v", err)
	}
	var m Manifest
	if err := decodeJSON(src, &m); err != nil {
		return nil, refuse(RuleManifest, "%v", err)
	}
	if m.Format != ManifestFormat {
		return nil, refuse(RuleManifest, "format %d, want %d", m.Format, ManifestFormat)
	}
	if m.Engine != Engine {
		return nil, refuse(RuleEngine, "engine %q, this node runs %q", m.Engine, Engine)
	}
	if parent, err := hex.DecodeString(m.Parent); err != nil || len(parent) != 0 && len(parent) != 32 ||
		hex.EncodeToString(parent) != m.Parent {
		return nil, refuse(RuleManifest, "parent is not 64 lower-case hex digits")
	}
	return &m, nil
}

// manifestKeys wants one flat object with each key once, spelt exactly: encoding/json would forgive both.
func manifestKeys(src []byte) error {
	d := json.NewDecoder(bytes.NewReader(src))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("not an object")
	}
	left := map[string]bool{"format": true, "engine": true, "parent": true}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		if !left[name] {
			return fmt.Errorf("key %q is unknown or there twice", name)
		}
		delete(left, name)
		if value, err := d.Token(); err != nil {
			return err
		} else if _, nested := value.(json.Delim); nested || value == nil {
			return fmt.Errorf("key %q holds no plain value", name)
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("format, engine and parent are all needed")
	}
	return nil
}

// decodeJSON refuses unknown keys and anything after the value.
func decodeJSON(src []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(src))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("something follows the value")
	}
	return nil
}

// prescanJSON bounds nesting before a JSON parser sees a byte; the size is bounded by the bundle's.
func prescanJSON(path string, src []byte) error {
	if err := checkText(path, src); err != nil {
		return err
	}
	depth, line, quoted := 0, 1, false
	for i := 0; i < len(src); i++ {
		switch c := src[i]; {
		case c == '\n':
			line++
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			if depth++; depth > DepthMax {
				text := fmt.Sprintf("nested deeper than %d", DepthMax)
				return &Error{Path: path, Line: line, Rule: RuleDepth, Text: text}
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return nil
}
