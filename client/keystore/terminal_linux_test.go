package keystore

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"
	"unsafe"
)

// openTerminal makes a pseudo-terminal: what is written to the first end is typed at the second.
func openTerminal(t *testing.T) (keyboard, terminal *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal("the prompt is tested at a pseudo-terminal: ", err)
	}
	t.Cleanup(func() { keyboard.Close() })
	var unlock, number int32
	for request, value := range map[uintptr]*int32{syscall.TIOCSPTLCK: &unlock, syscall.TIOCGPTN: &number} {
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, keyboard.Fd(), request, uintptr(unsafe.Pointer(value)))
		if errno != 0 {
			t.Fatal(errno)
		}
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal("the prompt is tested at a pseudo-terminal: ", err)
	}
	t.Cleanup(func() { terminal.Close() })
	return keyboard, terminal
}

func TestPassphraseIsTypedAtATerminal(t *testing.T) {
	for _, c := range []struct {
		typed, want string
		again       bool
		err         error
	}{
		{"secret\n", "secret", false, nil},
		{"secret\nsecret\n", "secret", true, nil},
		{"secret\nsecrets\n", "", true, ErrPassphrase},
		{"\n", "", false, ErrPassphrase},
	} {
		keyboard, terminal := openTerminal(t)
		if _, err := io.WriteString(keyboard, c.typed); err != nil {
			t.Fatal(err)
		}
		var shown bytes.Buffer
		p := Passphrase{Terminal: terminal, Prompt: &shown}
		ask := p.Ask
		if c.again {
			ask = p.AskNew
		}
		got, err := ask("alice")
		if c.err != nil {
			wantError(t, err, c.err)
		} else if got != c.want || err != nil {
			t.Errorf("%q: got %q, %v", c.typed, got, err)
		}
		if bytes.Contains(shown.Bytes(), []byte("secret")) || !bytes.Contains(shown.Bytes(), []byte("alice")) {
			t.Errorf("%q: shown %q", c.typed, shown.String())
		}
	}
}
