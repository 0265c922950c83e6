// Package keystore keeps private keys at rest: one age file per key, encrypted under a passphrase (scrypt),
// and beside it the public part, which can be read without one.
//
//	<dir>/<name>.age        the seed and the name, encrypted; binary age format; 0600
//	<dir>/<name>.pub.json   name, type, public key, address; 0600
//
// The age file is the key: it alone decides whether a name is taken. The public part is a convenience that is
// held against the private part at every unlock, so nobody can make a user show or fund another address, and
// the name inside the age file makes sure that the files of two keys were not exchanged.
//
// It knows no chain, no account and no network: the address shown is that of an account which starts with
// the key; after RotateKey an account has another key than the one its address came from.
//
// A passphrase is typed or read from a file, never taken from an argument or the environment, which other
// processes can see. Seeds are overwritten after use as far as Go allows; the *tx.Key that Unlock returns
// holds its secret until it is collected.
package keystore
