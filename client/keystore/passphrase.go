package keystore

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// PassphraseBytesMax bounds a passphrase.
const PassphraseBytesMax = 1024

// Passphrase is where a command takes a passphrase from: a file, or a person at a terminal. There is no other
// way in: arguments and environment are visible to other processes.
type Passphrase struct {
	File     string    // its only line is the passphrase; mode 600; empty: ask at the terminal
	Terminal *os.File  // to ask at; nil: standard input
	Prompt   io.Writer // what is asked is shown here; nil: standard error
}

// Ask gets a passphrase that exists already. what names the key, for the prompt.
func (p Passphrase) Ask(what string) (string, error) {
	if p.File != "" {
		return p.read()
	}
	return p.prompt("Passphrase of " + what)
}

// AskNew gets a passphrase for something new: typed twice, so that a mistake locks nobody out.
func (p Passphrase) AskNew(what string) (string, error) {
	if p.File != "" {
		return p.read()
	}
	first, err := p.prompt("New passphrase of " + what)
	if err != nil {
		return "", err
	}
	second, err := p.prompt("Once more")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", fmt.Errorf("%w: the two differ", ErrPassphrase)
	}
	return first, nil
}

// read takes the passphrase from the file, without the newline at its end.
func (p Passphrase) read() (string, error) {
	raw, err := readPrivately(p.File, PassphraseBytesMax+2)
	if err != nil {
		return "", err
	}
	defer clear(raw)
	line := bytes.TrimSuffix(bytes.TrimSuffix(raw, []byte("\n")), []byte("\r"))
	if bytes.ContainsAny(line, "\r\n\x00") {
		return "", fmt.Errorf("%w: %s holds more than one line", ErrPassphrase, p.File)
	}
	return string(line), checkPassphrase(string(line))
}

func (p Passphrase) prompt(text string) (string, error) {
	terminal, out := p.Terminal, p.Prompt
	if terminal == nil {
		terminal = os.Stdin
	}
	if out == nil {
		out = os.Stderr
	}
	fd := int(terminal.Fd())
	if !term.IsTerminal(fd) {
		return "", fmt.Errorf("%w: there is no terminal to ask at; name a passphrase file", ErrPassphrase)
	}
	fmt.Fprintf(out, "%s: ", text)
	raw, err := term.ReadPassword(fd)
	fmt.Fprintln(out)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrPassphrase, err)
	}
	defer clear(raw)
	return string(raw), checkPassphrase(string(raw))
}

func checkPassphrase(passphrase string) error {
	if passphrase == "" {
		return fmt.Errorf("%w: it is empty", ErrPassphrase)
	}
	if len(passphrase) > PassphraseBytesMax {
		return fmt.Errorf("%w: %d bytes, limit %d", ErrPassphrase, len(passphrase), PassphraseBytesMax)
	}
	return nil
}
