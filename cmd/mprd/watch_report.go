package main

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"mprd/agent/watch"
)

// filingFile is the section [report] of a watcher's file: as whom it files cases. Flags stand above it.
type filingFile struct {
	Key     string `mapstructure:"key"`      // name in the keystore
	Account string `mapstructure:"account"`  // if its address is not the key's, after a rotation
	BondMax string `mapstructure:"bond_max"` // tokens that one accusation may put up
	Accuse  bool   `mapstructure:"accuse"`
}

// bondMaxDefault is the least bond that chains ask by default, tokens.
const bondMaxDefault = "100"

func (f *filingFile) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.Key, "report", "", "name of the key that files cases of what it finds and pays for them")
	flags.StringVar(&f.Account, "report-account", "",
		"account that files, if its address is not the key's (after a rotation)")
	flags.StringVar(&f.BondMax, "bond-max", "",
		"with --accuse: most that one accusation puts up, in tokens (default "+bondMaxDefault+")")
	flags.BoolVar(&f.Accuse, "accuse", false,
		"with --report: also accuse the executor of a target that was never seen as its spec has it; bonded")
}

// over puts what the flags say over what the file says.
func (f *filingFile) over(file filingFile) filingFile {
	given(&file.Key, f.Key)
	given(&file.Account, f.Account)
	given(&file.BondMax, f.BondMax)
	given(&file.Accuse, f.Accuse)
	return file
}

// reporter unlocks the key; nil if there is none.
func (f *filingFile) reporter(s *session) (*watch.Report, error) {
	if f.Key == "" {
		if *f != (filingFile{}) {
			return nil, usageError{errors.New("name the key that files cases: --report")}
		}
		return nil, nil
	}
	if f.Account == "" {
		f.Account = f.Key
	}
	if f.BondMax == "" {
		f.BondMax = bondMaxDefault
	}
	r := &watch.Report{Accuse: f.Accuse}
	var err error
	if r.BondMax, err = parseTokens(f.BondMax); err != nil {
		return nil, usageError{fmt.Errorf("bond_max: %w", err)}
	}
	if r.Reporter, err = addressOf(s.options, f.Account); err != nil {
		return nil, err
	}
	r.Signer, err = unlock(s.cmd, s.options, f.Key)
	return r, err
}
