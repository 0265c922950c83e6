package slashing

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/light"
	cmttypes "github.com/cometbft/cometbft/types"
	"pgregory.net/rapid"
)

// TestALightClientMaySkipToTheNextSet has a real light client's functions judge real commits. Just enough
// sign for the next set, and of them those whom the client, who knows the previous set, trusts least.
func TestALightClientMaySkipToTheNextSet(t *testing.T) {
	secrets := map[Key]ed25519.PrivKey{}
	var keys []Key
	for n := range 20 {
		secret := ed25519.GenPrivKeyFromSecret([]byte{byte(n)})
		k := Key(secret.PubKey().Bytes())
		secrets[k], keys = secret, append(keys, k)
	}
	commits := 0
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(name string) (set []Validator) {
			order := rapid.Permutation(keys).Draw(rt, name)
			for _, k := range order[:rapid.IntRange(4, 10).Draw(rt, "size")] {
				power := rapid.Uint64Range(10_000, 100_000).Draw(rt, "power")
				set = append(set, Validator{k, power})
			}
			return set
		}
		n, target := newNetwork(rt, defaults, draw("first")), draw("target")
		for {
			was, before := n.set, n.comet.Copy()
			if n.block(target, nil) == 0 {
				return
			}
			skips(rt, secrets, before, n.comet, powersOf(was))
			commits++
		}
	})
	t.Logf("%d commits", commits)
}

// skips signs a commit for next and has who trusts previous verify it.
func skips(
	t *rapid.T, secrets map[Key]ed25519.PrivKey, previous, next *cmttypes.ValidatorSet, was map[Key]uint64,
) {
	const chain = "mprd-test"
	members := next.Validators
	order := numbers(len(members))
	power := func(i int) (before, after uint64) {
		return was[Key(members[i].PubKey.Bytes())], uint64(members[i].VotingPower)
	}
	slices.SortStableFunc(order, func(i, j int) int { // by power in the previous set per power in the next
		beforeI, afterI := power(i)
		beforeJ, afterJ := power(j)
		return descending(beforeJ*afterI, beforeI*afterJ)
	})
	hash := bytes.Repeat([]byte{7}, 32)
	id := cmttypes.BlockID{Hash: hash, PartSetHeader: cmttypes.PartSetHeader{Total: 1, Hash: hash}}
	commit := &cmttypes.Commit{Height: 9, BlockID: id, Signatures: make([]cmttypes.CommitSig, len(members))}
	for i := range commit.Signatures {
		commit.Signatures[i] = cmttypes.NewCommitSigAbsent()
	}
	var signed int64
	for _, i := range order {
		if signed > next.TotalVotingPower()*2/3 {
			break
		}
		signed += members[i].VotingPower
		commit.Signatures[i] = cmttypes.CommitSig{
			BlockIDFlag:      cmttypes.BlockIDFlagCommit,
			ValidatorAddress: members[i].Address,
			Timestamp:        time.Unix(1, 0).UTC(),
		}
		signature, err := secrets[Key(members[i].PubKey.Bytes())].Sign(commit.VoteSignBytes(chain, int32(i)))
		if err != nil {
			t.Fatal(err)
		}
		commit.Signatures[i].Signature = signature
	}
	if err := next.VerifyCommitLight(chain, id, 9, commit); err != nil {
		t.Fatal(err)
	}
	if err := previous.VerifyCommitLightTrusting(chain, commit, light.DefaultTrustLevel); err != nil {
		t.Fatalf("from %v to %v: %v", previous, next, err)
	}
}
