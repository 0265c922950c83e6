//go:build tools

// Package tools names the linters that go.mod pins; it is never built.
package tools

import (
	_ "golang.org/x/vuln/cmd/govulncheck"
	_ "honnef.co/go/tools/cmd/staticcheck"
)
