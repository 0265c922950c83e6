package policy

import (
	"errors"
	"strconv"
	"strings"
)

// ErrUnknownBundle says that no bundle of the hash is stored.
var ErrUnknownBundle = errors.New("no bundle of this hash")

// ErrHashMismatch says that a stored bundle does not have the hash under which it was found.
var ErrHashMismatch = errors.New("the bundle does not have this hash")

// Rules that a bundle can break, as named in Error.Rule.
const (
	RulePath      = "path"      // a name that no bundle may hold, a file twice, missing or out of order
	RuleSize      = "size"      // BundleBytesMax
	RuleCount     = "count"     // FilesMax, PoliciesMax, or no policy at all
	RuleText      = "text"      // bytes that are no text of the language
	RuleDepth     = "depth"     // DepthMax
	RuleChain     = "chain"     // ChainMax
	RuleTokens    = "tokens"    // PolicyTokensMax
	RuleHas       = "has"       // HasMax
	RuleManifest  = "manifest"  // its form
	RuleEngine    = "engine"    // an engine other than Engine
	RuleSchema    = "schema"    // not the engine's schema
	RuleSyntax    = "syntax"    // Cedar's parser refused it
	RuleType      = "type"      // Cedar's strict validation refused it
	RuleID        = "id"        // @id missing, malformed or twice
	RuleGuard     = "guard"     // @k and approvalCount do not fit
	RuleExtension = "extension" // decimal and its like: Longs only
	RuleClass     = "class"     // compared with a class that no account has
	RuleTest      = "test"      // a test file that cannot be read
)

// Error is one reason why a bundle is refused.
type Error struct {
	Path string // the file; "" = the bundle
	Line int    // from 1; 0 = the whole file
	Rule string // one of the Rule constants
	Text string // for people; not part of consensus
}

// Error gives path:line: text (rule).
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Path)
	if e.Path == "" {
		b.WriteString("bundle")
	}
	if e.Line > 0 {
		b.WriteByte(':')
		b.WriteString(strconv.Itoa(e.Line))
	}
	b.WriteString(": ")
	b.WriteString(e.Text)
	b.WriteString(" (")
	b.WriteString(e.Rule)
	b.WriteString(")")
	return b.String()
}
