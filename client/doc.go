// Package client is the other side of a node: it builds and signs transactions, sends them and waits for what
// the chain decides, asks with proofs, and makes and checks proof files that need no node at all.
//
// It believes nothing that a node says unless it comes with a proof against validators that the user trusts;
// what is not proven (a fee, a nonce's freshness) can make a transaction fail, never make it mean something
// else. It knows nothing of the node's inside.
package client
