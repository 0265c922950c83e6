package testchain

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"testing"
)

// Ports of tests are below those that the system gives to outgoing connections, which any of them may take
// between a look and a use; each test process begins at a place of its own.
const (
	portFirst = 10_000
	portCount = 15_000
)

var portNext atomic.Int64

// FreeAddress is an address on loopback that nobody listens on, and that this process was not given before.
func FreeAddress(t testing.TB) string {
	t.Helper()
	for range portCount {
		port := portFirst + (int64(os.Getpid())*97+portNext.Add(1))%portCount
		address := fmt.Sprintf("127.0.0.1:%d", port)
		if listener, err := net.Listen("tcp", address); err == nil {
			must(t, listener.Close())
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}
