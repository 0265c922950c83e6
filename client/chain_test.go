package client

import (
	"errors"
	"strings"
	"testing"

	"mprd/internal/testchain"
)

func TestANodeOfAnotherChainIsRefused(t *testing.T) {
	n := startNode(t)
	none := "http://" + testchain.FreeAddress(t)
	for _, chain := range []string{"", n.genesis.ChainID} {
		c, err := New([]string{none, n.address}, chain)
		ok(t, err)
		ok(t, c.CheckChain(n.ctx))
	}
	c, err := New([]string{none, n.address}, "other-1")
	ok(t, err)
	if err := c.CheckChain(n.ctx); !errors.Is(err, ErrOtherChain) || !strings.Contains(err.Error(), n.address) {
		t.Errorf("%v", err)
	}
	steering := answerOf(t, n.address, lie{"", "status", "", set("a\x1b[2J", "network", "node_info")})
	c, err = New([]string{n.address, steering}, n.genesis.ChainID)
	ok(t, err)
	if err := c.CheckChain(n.ctx); !errors.Is(err, ErrOtherChain) || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("%v", err)
	}
}
