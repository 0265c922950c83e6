package keystore

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPassphraseFileIsReadWithoutItsNewline(t *testing.T) {
	path := filepath.Join(t.TempDir(), "passphrase")
	for content, want := range map[string]string{
		"secret": "secret", "secret\n": "secret", "secret\r\n": "secret", " two words \n": " two words ",
		strings.Repeat("x", PassphraseBytesMax) + "\r\n": strings.Repeat("x", PassphraseBytesMax),
	} {
		write(t, path, []byte(content))
		p := Passphrase{File: path}
		for _, ask := range []func(string) (string, error){p.Ask, p.AskNew} {
			if got, err := ask("alice"); err != nil || got != want {
				t.Errorf("%q is read as %q, %v", content, got, err)
			}
		}
	}
}

func TestPassphraseFileOutOfItsFormIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "passphrase")
	for content, want := range map[string]error{
		"": ErrPassphrase, "\n": ErrPassphrase, "\r\n": ErrPassphrase, "secret\n\n": ErrPassphrase,
		"two\nlines": ErrPassphrase, "a\x00zero": ErrPassphrase,
		strings.Repeat("x", PassphraseBytesMax+1): ErrPassphrase, strings.Repeat("x", 5000): ErrDamaged,
	} {
		write(t, path, []byte(content))
		_, err := Passphrase{File: path}.Ask("alice")
		wantError(t, err, want)
	}
	_, err := Passphrase{File: path + "-absent"}.Ask("alice")
	wantError(t, err, os.ErrNotExist)
	write(t, path, []byte("secret\n"))
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = Passphrase{File: path}.Ask("alice")
	wantError(t, err, ErrPermissions)
}

func TestWithoutTerminalNothingIsAsked(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	var shown bytes.Buffer
	for _, ask := range []func(string) (string, error){
		Passphrase{Terminal: r, Prompt: &shown}.Ask, Passphrase{Terminal: r, Prompt: &shown}.AskNew,
	} {
		if _, err := ask("alice"); !errors.Is(err, ErrPassphrase) || shown.Len() > 0 {
			t.Errorf("%v, shown %q", err, shown.String())
		}
	}
}
