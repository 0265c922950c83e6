package driver

import (
	"errors"
	"fmt"
	"io"
)

// errTooLong is of an input that goes on after its limit.
var errTooLong = errors.New("too long")

// readAtMost reads to the end, which must come within limit bytes.
func readAtMost(r io.Reader, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", errTooLong, limit)
	}
	return text, err
}
