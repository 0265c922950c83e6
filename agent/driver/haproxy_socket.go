package driver

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
)

// runtimeAPI is HAProxy's Runtime API on its unix socket: one connection a command.
type runtimeAPI struct{ socket string }

const (
	replyBytesMax   = 4 << 20
	payloadBytesMax = 15 << 10 // HAProxy reads a command with its payload into one buffer of 16 KiB
)

// wordSafe says whether a word can stand in a command line and be nothing but a word: the Runtime API ends a
// command at ';' and a line at a newline, and splits words at spaces, quotes and backslashes.
func wordSafe(word string) bool {
	for i := range len(word) {
		c := word[i]
		alphanumeric := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alphanumeric && !strings.ContainsRune("._-/:", rune(c)) {
			return false
		}
	}
	return word != ""
}

// ask sends a command of words, and a payload without empty lines if there is one, and gives the reply
// without the empty line that ends it. What the reply means is the caller's to judge.
func (r runtimeAPI) ask(ctx context.Context, payload []byte, words ...string) (string, *Failure) {
	for _, word := range words {
		if !wordSafe(word) {
			return "", fail(ReasonRequestInvalid, "haproxy: %.64q is no word of a command", word)
		}
	}
	line := strings.Join(words, " ")
	if payload != nil {
		if len(line)+len(payload) > payloadBytesMax {
			return "", fail(ReasonLimit, "haproxy: payload of %d bytes, limit %d", len(payload), payloadBytesMax)
		}
		line += " <<\n" + strings.TrimSuffix(string(payload), "\n") + "\n"
	}
	text, err := r.exchange(ctx, line+"\n")
	switch {
	case ctx.Err() != nil:
		return "", fail(ReasonLimit, "haproxy: %s: %w", words[0], ctx.Err())
	case errors.Is(err, errTooLong):
		return "", fail(ReasonLimit, "haproxy: reply to %s: %w", words[0], err)
	case err != nil:
		return "", fail(ReasonUnreachable, "haproxy: %w", err)
	case len(text) == 0:
		return "", fail(ReasonUnreachable, "haproxy: no reply to %s", words[0])
	}
	return strings.TrimSpace(string(text)), nil
}

// exchange writes a line and reads to the end of the connection, within the context's time.
func (r runtimeAPI) exchange(ctx context.Context, line string) ([]byte, error) {
	connection, err := (&net.Dialer{}).DialContext(ctx, "unix", r.socket)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	stop := context.AfterFunc(ctx, func() { connection.Close() })
	defer stop()
	if _, err := connection.Write([]byte(line)); err != nil {
		return nil, err
	}
	return readAtMost(connection, replyBytesMax)
}

// do sends a command that changes something and says nothing if all is well.
func (r runtimeAPI) do(ctx context.Context, words ...string) *Failure {
	text, failure := r.ask(ctx, nil, words...)
	if failure == nil && text != "" {
		failure = fail(ReasonError, "haproxy: %s: %s", strings.Join(words, " "), text)
	}
	return failure
}

// serverSeen is what HAProxy says of a server.
type serverSeen struct {
	Weight int    `json:"weight"`
	State  string `json:"state"` // ready, drain or maint
}

// Bits of srv_admin_state (HAProxy 2.6, management guide, "show servers state").
const (
	adminMaint = 0x01 | 0x02 | 0x20 // forced, inherited, by name resolution
	adminDrain = 0x08 | 0x10        // forced, inherited
)

// servers reads the state of all servers of a backend.
func (r runtimeAPI) servers(ctx context.Context, backend string) (map[string]serverSeen, *Failure) {
	text, failure := r.ask(ctx, nil, "show", "servers", "state", backend)
	if failure != nil {
		return nil, failure
	}
	version, rest, _ := strings.Cut(text, "\n")
	header, rows, _ := strings.Cut(rest, "\n")
	columns := map[string]int{}
	for i, name := range strings.Fields(strings.TrimPrefix(header, "#")) {
		columns[name] = i
	}
	name, haveName := columns["srv_name"]
	admin, haveAdmin := columns["srv_admin_state"]
	weight, haveWeight := columns["srv_uweight"]
	if version != "1" || !haveName || !haveAdmin || !haveWeight {
		return nil, fail(ReasonError, "haproxy: show servers state %s: %s", backend, text)
	}
	seen := map[string]serverSeen{}
	for row := range strings.Lines(rows) {
		fields := strings.Fields(row)
		if len(fields) <= max(name, admin, weight) {
			return nil, fail(ReasonError, "haproxy: show servers state %s: row %q", backend, row)
		}
		bits, err := strconv.ParseUint(fields[admin], 10, 32)
		w, err2 := strconv.ParseUint(fields[weight], 10, 16)
		if err := errors.Join(err, err2); err != nil {
			return nil, fail(ReasonError, "haproxy: show servers state %s: %w", backend, err)
		}
		state := "ready"
		switch {
		case bits&adminMaint != 0:
			state = "maint"
		case bits&adminDrain != 0:
			state = "drain"
		}
		seen[fields[name]] = serverSeen{int(w), state}
	}
	return seen, nil
}

// mapValues reads the values of a key in a map, in HAProxy's order: the first one counts.
func (r runtimeAPI) mapValues(ctx context.Context, file, key string) ([]string, *Failure) {
	text, failure := r.ask(ctx, nil, "show", "map", file)
	if failure != nil {
		return nil, failure
	}
	var values []string
	for row := range strings.Lines(text) {
		fields := strings.Fields(row)
		if len(fields) < 2 || !strings.HasPrefix(fields[0], "0x") {
			return nil, fail(ReasonError, "haproxy: show map %s: %s", file, row)
		}
		if fields[1] == key {
			values = append(values, strings.Join(fields[2:], " "))
		}
	}
	return values, nil
}

// certificate reads the SHA-1 of the certificate in use, lower-case hex, the only digest that HAProxy 2.6
// tells.
func (r runtimeAPI) certificate(ctx context.Context, file string) (string, *Failure) {
	text, failure := r.ask(ctx, nil, "show", "ssl", "cert", file)
	if failure != nil {
		return "", failure
	}
	for row := range strings.Lines(text) {
		if sum, found := strings.CutPrefix(row, "SHA1 FingerPrint: "); found {
			return strings.ToLower(strings.TrimSpace(sum)), nil
		}
	}
	return "", fail(ReasonError, "haproxy: show ssl cert %s: %s", file, text)
}

// replace puts another certificate with its key under a file's name that HAProxy has loaded.
func (r runtimeAPI) replace(ctx context.Context, file string, pem []byte) *Failure {
	text, failure := r.ask(ctx, pem, "set", "ssl", "cert", file)
	if failure == nil && !strings.HasPrefix(text, "Transaction ") {
		failure = fail(ReasonError, "haproxy: set ssl cert %s: %s", file, text)
	}
	if failure != nil {
		return failure
	}
	text, failure = r.ask(ctx, nil, "commit", "ssl", "cert", file)
	if failure == nil && !strings.HasSuffix(text, "Success!") {
		failure = fail(ReasonError, "haproxy: commit ssl cert %s: %s", file, text)
	}
	if failure != nil {
		_, _ = r.ask(ctx, nil, "abort", "ssl", "cert", file) // the failure is what counts
	}
	return failure
}
