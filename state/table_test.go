package state

import (
	"bytes"
	"cmp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"mprd/tx"
)

func emptyOverlay() *Overlay { return NewOverlay(NewStaged(nil), usedNonces{}) }

func TestARowOfDefaultsIsNoRow(t *testing.T) {
	o := emptyOverlay()
	Pools.Set(o, "treasury", &Amount{Units: 5})
	if !Pools.Has(o, "treasury") || Pools.Load(o, "treasury").Units != 5 {
		t.Fatal("the row is not there")
	}
	Pools.Set(o, "treasury", &Amount{})
	if _, ok := Pools.Get(o, "treasury"); ok || Pools.Has(o, "treasury") {
		t.Error("a row of defaults is there")
	}
	if Pools.Load(o, "treasury").Units != 0 {
		t.Error("no row, but units")
	}
	for _, w := range o.Writes(1) {
		if w.Value != nil {
			t.Errorf("%x is written", w.Key)
		}
	}
}

func TestARowThatWasReadIsTheReadersOwn(t *testing.T) {
	o := emptyOverlay()
	address := tx.Address{1}
	Accounts.Set(o, address, &Account{Balance: 5, Entity: "acme"})
	read := Accounts.Load(o, address)
	read.Balance, read.Entity = 6, "borealis"
	if again := Accounts.Load(o, address); again.Balance != 5 || again.Entity != "acme" {
		t.Errorf("the table holds %v", again)
	}
}

func TestARangeStaysInItsTable(t *testing.T) {
	o := emptyOverlay()
	OperatorCountTable.Set(o, One{}, &Amount{Units: 1})
	Keys.Set(o, KeyID{tx.KeyType_KEY_TYPE_ED25519, "k"}, &KeyOwner{Address: make([]byte, 20)})
	for i := range byte(5) {
		Accounts.Set(o, tx.Address{i}, &Account{Balance: uint64(i) + 1})
	}
	ranged := func(start []byte, limit int, stop uint64) (balances []uint64) {
		Accounts.Range(o, start, limit, func(key []byte, a *Account) bool {
			if len(key) != tx.AddressBytes || uint64(key[0])+1 != a.Balance {
				t.Errorf("key %x, balance %d", key, a.Balance)
			}
			balances = append(balances, a.Balance)
			return a.Balance != stop
		})
		return balances
	}
	from := tx.Address{2}
	for _, c := range []struct {
		start       []byte
		limit       int
		stop        uint64
		first, last uint64
	}{
		{nil, 100, 0, 1, 5}, {nil, 2, 0, 1, 2}, {nil, 100, 3, 1, 3}, {from[:], 100, 0, 3, 5}, {from[:], 1, 0, 3, 3},
	} {
		got := ranged(c.start, c.limit, c.stop)
		if len(got) == 0 || got[0] != c.first || got[len(got)-1] != c.last {
			t.Errorf("%x, limit %d, stop %d: %v", c.start, c.limit, c.stop, got)
		}
	}
	if got := ranged(nil, 0, 0); got != nil {
		t.Errorf("limit 0: %v", got)
	}
}

// TestKeysAreOrderedAsTheirValues: deadlines and chunks are read in the order of time.
func TestKeysAreOrderedAsTheirValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		due := rapid.Custom(func(t *rapid.T) Due {
			return Due{rapid.Uint64().Draw(t, "at"), tx.Digest{rapid.Byte().Draw(t, "id")}}
		})
		a, b := due.Draw(t, "a"), due.Draw(t, "b")
		want := cmp.Compare(a.AtMs, b.AtMs)
		if want == 0 {
			want = bytes.Compare(a.ID[:], b.ID[:])
		}
		if got := bytes.Compare(PendingDue.Key(a), PendingDue.Key(b)); got != want {
			t.Fatalf("%v and %v compare as %d", a, b, got)
		}
		if DueOf(PendingDue.Key(a)[1:]) != a {
			t.Fatalf("%v is read back as %v", a, DueOf(PendingDue.Key(a)[1:]))
		}
		x, y := ChunkID{a.AtMs, b.AtMs}, ChunkID{b.AtMs, a.AtMs}
		if less := bytes.Compare(NonceChunks.Key(x), NonceChunks.Key(y)) < 0; less != (a.AtMs < b.AtMs) {
			t.Fatalf("%v before %v: %t", x, y, less)
		}
	})
}

func TestEveryTableIsFoundByItsName(t *testing.T) {
	seen := map[byte]bool{AuditHeadKey[0]: true}
	for _, d := range Tables() {
		if seen[d.Prefix] {
			t.Errorf("%s: prefix %#x is taken", d.Name, d.Prefix)
		}
		seen[d.Prefix] = true
		found, ok := TableByName(d.Name)
		if !ok || found.Prefix != d.Prefix || d.New() == nil {
			t.Errorf("%s is not found", d.Name)
		}
	}
	if _, ok := TableByName("nothing"); ok {
		t.Error("a table called nothing")
	}
	if AuditFrontierKey[0] != AuditHeadKey[0] {
		t.Error("the audit keys have two prefixes")
	}
	defer func() {
		if r := recover(); r == nil || !strings.Contains(r.(string), "already taken") {
			t.Errorf("a second table of a prefix: %v", r)
		}
	}()
	table[One, Amount](Pools.prefix, "another", oneKey)
}

func TestPaymentsKeepTheSupply(t *testing.T) {
	o := emptyOverlay()
	rich, poor := tx.Address{1}, tx.Address{2}
	Accounts.Set(o, rich, &Account{Balance: 100})
	SupplyTable.Set(o, One{}, &Supply{Genesis: 107, Burned: 7})
	hold := func(balance, treasury uint64) {
		t.Helper()
		total, genesis := Total(o)
		if total != genesis || Accounts.Load(o, rich).Balance != balance ||
			Pools.Load(o, PoolTreasury).Units != treasury {
			t.Fatalf("%d of %d, balance %d", total, genesis, Accounts.Load(o, rich).Balance)
		}
	}
	hold(100, 0)
	for _, from := range []tx.Address{rich, poor} {
		if err := Pay(o, from, PoolTreasury, 101); err == nil {
			t.Errorf("%s paid 101", from)
		}
	}
	hold(100, 0)
	for _, amount := range []uint64{0, 60, 40} {
		if err := Pay(o, rich, PoolTreasury, amount); err != nil {
			t.Fatal(err)
		}
	}
	hold(0, 100)
	if err := Pay(o, rich, PoolTreasury, 1); err == nil {
		t.Error("paid from nothing")
	}
}
