package state

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"mprd/tx"
)

// layer is the model of an overlay: all that can be seen through it, and the events that it added.
type layer struct {
	rows   map[string]string
	nonces map[tx.Digest]bool
	events []string
}

func (l layer) child() layer { return layer{maps.Clone(l.rows), maps.Clone(l.nonces), nil} }

// usedNonces are committed nonces.
type usedNonces map[tx.Digest]bool

func (u usedNonces) Used(d tx.Digest) bool { return u[d] }

// TestOverlaysAreStackedMaps runs random histories of a stack of overlays against a stack of plain maps:
// reads and iterations at every depth see the base with all layers over it, Keep moves everything down, and
// an overlay that is dropped was never there.
func TestOverlaysAreStackedMaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.MapOfN(keys, rapid.StringMatching(`[0-9]{1,2}`), 0, 12).Draw(t, "base")
		used := usedNonces{{1}: true, {2}: true}
		overlays := []*Overlay{NewOverlay(NewStaged(sortedKV(rows)), used)}
		models := []layer{{maps.Clone(rows), maps.Clone(used), nil}}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			overlays, models = stackStep(t, overlays, models)
			top, model := overlays[len(overlays)-1], models[len(models)-1]
			checkOverlay(t, top, model)
		}
		for ; len(overlays) > 1; overlays, models = keepTop(overlays, models) {
		}
		holdWrites(t, overlays[0], rows, models[0].rows)
	})
}

var keys = rapid.StringMatching(`[a-c]{1,2}`)

// stackStep changes the top of the stack, or adds or removes a layer.
func stackStep(t *rapid.T, overlays []*Overlay, models []layer) ([]*Overlay, []layer) {
	top, model := overlays[len(overlays)-1], &models[len(models)-1]
	switch step := rapid.IntRange(0, 9).Draw(t, "step"); {
	case step == 0 && len(overlays) < 5:
		return append(overlays, top.Child()), append(models, model.child())
	case step == 1 && len(overlays) > 1:
		return keepTop(overlays, models)
	case step == 2 && len(overlays) > 1:
		return overlays[:len(overlays)-1], models[:len(models)-1]
	case step == 3:
		digest := tx.Digest{rapid.Byte().Draw(t, "nonce") % 8}
		if !top.NonceUsed(digest) {
			top.ConsumeNonce(digest, 1)
			model.nonces[digest] = true
		}
	case step == 4:
		name := rapid.StringMatching(`[a-z]{3}`).Draw(t, "event")
		top.Emit(name)
		model.events = append(model.events, name)
	case step == 5:
		key := keys.Draw(t, "deleted")
		top.put(key, new(cell))
		delete(model.rows, key)
	default:
		key, value := keys.Draw(t, "key"), rapid.StringMatching(`[0-9]{1,2}`).Draw(t, "value")
		top.SetRaw([]byte(key), []byte(value))
		model.rows[key] = value
	}
	return overlays, models
}

// keepTop keeps the top overlay in the one below.
func keepTop(overlays []*Overlay, models []layer) ([]*Overlay, []layer) {
	last := len(overlays) - 1
	overlays[last].Keep()
	kept := models[last]
	kept.events = append(models[last-1].events, kept.events...)
	models[last-1] = kept
	return overlays[:last], models[:last]
}

func checkOverlay(t *rapid.T, o *Overlay, model layer) {
	for _, key := range slices.Sorted(maps.Keys(model.rows)) {
		if got := string(o.GetRaw([]byte(key))); got != model.rows[key] {
			t.Fatalf("%s is %q, want %q", key, got, model.rows[key])
		}
	}
	if key := keys.Draw(t, "asked"); string(o.GetRaw([]byte(key))) != model.rows[key] {
		t.Fatalf("%s is %q, want %q", key, o.GetRaw([]byte(key)), model.rows[key])
	}
	for i := range byte(8) {
		if digest := (tx.Digest{i}); o.NonceUsed(digest) != model.nonces[digest] {
			t.Fatalf("nonce %d used: %t", i, o.NonceUsed(digest))
		}
	}
	var events []string
	for _, e := range o.events {
		events = append(events, e.Type)
	}
	if !slices.Equal(events, model.events) {
		t.Fatalf("events %q, want %q", events, model.events)
	}
	start, end := keys.Draw(t, "start"), keys.Draw(t, "end")
	limit := rapid.IntRange(1, 10).Draw(t, "limit")
	var got, want []string
	o.iterate([]byte(start), []byte(end), func(key []byte, c *cell) bool {
		got = append(got, fmt.Sprintf("%s=%s", key, c.bytes()))
		return len(got) < limit
	})
	for _, key := range slices.Sorted(maps.Keys(model.rows)) {
		if key >= start && key < end && len(want) < limit {
			want = append(want, key+"="+model.rows[key])
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("[%s, %s) limit %d: %q, want %q", start, end, limit, got, want)
	}
}

// holdWrites applies the root's writes to the base: it must come to the model.
func holdWrites(t *rapid.T, root *Overlay, base, want map[string]string) {
	got := maps.Clone(base)
	last := ""
	for _, w := range root.Writes(7) {
		if last >= string(w.Key) {
			t.Fatalf("%q is written after %q", w.Key, last)
		}
		last = string(w.Key)
		switch {
		case w.Key[0] == NonceChunks.prefix:
		case w.Value == nil:
			delete(got, last)
		default:
			got[last] = string(w.Value)
		}
	}
	if !maps.Equal(got, want) {
		t.Fatalf("the writes come to %v, want %v", got, want)
	}
}

func sortedKV(rows map[string]string) []KV {
	var list []KV
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		list = append(list, KV{[]byte(key), []byte(rows[key])})
	}
	return list
}

func TestASpentOverlayHoldsNothing(t *testing.T) {
	root := NewOverlay(NewStaged(nil), usedNonces{})
	child := root.Child()
	child.SetRaw([]byte("a"), []byte("1"))
	child.Emit("once")
	child.Keep()
	root.Child().SetRaw([]byte("b"), []byte("2")) // dropped
	if events := root.TakeEvents(); len(events) != 1 || events[0].Type != "once" {
		t.Errorf("events %v", events)
	}
	if len(root.TakeEvents()) != 0 {
		t.Error("events were not forgotten")
	}
	if writes := root.Writes(1); len(writes) != 1 || string(writes[0].Key) != "a" {
		t.Errorf("writes %q", writes)
	}
}

// TestWhatCannotBeReadIsAFault: it is never taken for absent.
func TestWhatCannotBeReadIsAFault(t *testing.T) {
	address := tx.Address{1}
	o := NewOverlay(NewStaged([]KV{{Accounts.Key(address), []byte{0xff}}}), usedNonces{})
	s, err := OpenStore("", StoreOptions{InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	view := s.View()
	view.Close()
	closed := NewOverlay(view, usedNonces{})
	none := func([]byte, *Account) bool { return true }
	for _, c := range []struct {
		name string
		read func()
	}{
		{"an undecodable row", func() { Accounts.Get(o, address) }},
		{"an undecodable row of a range", func() { Accounts.Range(o, nil, 1, none) }},
		{"a row of a closed view", func() { Accounts.Has(closed, address) }},
		{"a range of a closed view", func() { Accounts.Range(closed, nil, 1, none) }},
	} {
		func() {
			defer func() {
				if fault, ok := recover().(Fault); !ok || !strings.HasPrefix(fault.Error(), "state fault: ") {
					t.Errorf("%s: %v", c.name, fault)
				}
			}()
			c.read()
			t.Errorf("%s was read", c.name)
		}()
	}
}
