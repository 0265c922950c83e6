package tx

import (
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/cosmos/btcutil/bech32"
)

func TestAddressSurvivesItsText(t *testing.T) {
	for n := range 256 {
		a := keyOf(byte(n)).Address()
		back, err := ParseAddress(a.String())
		if err != nil || back != a || !strings.HasPrefix(a.String(), "mprd1") {
			t.Errorf("%s: %v, %v", a, back, err)
		}
		if AddressFrom(a[:]) != a {
			t.Errorf("%s: raw bytes give another address", a)
		}
	}
}

func TestAddressInJSON(t *testing.T) {
	type document struct{ To Address }
	was := document{keyOf(1).Address()}
	raw, err := json.Marshal(was)
	if err != nil {
		t.Fatal(err)
	}
	var is document
	if err := json.Unmarshal(raw, &is); err != nil || is != was {
		t.Errorf("%s: %v, %v", raw, is, err)
	}
	if err := json.Unmarshal([]byte(`{"To":"mprd1nobody"}`), &is); err == nil {
		t.Error("a wrong address was read from JSON")
	}
}

func TestWrongAddressIsRefused(t *testing.T) {
	address := keyOf(1).Address()
	right := address.String()
	encoded := func(prefix string, n int) string {
		data, err := bech32.ConvertBits(make([]byte, n), 8, 5, true)
		if err != nil {
			t.Fatal(err)
		}
		s, err := bech32.Encode(prefix, data)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	data, err := bech32.ConvertBits(make([]byte, 19), 8, 5, true)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] |= 1 // a padding bit
	padded, err := bech32.Encode(AddressPrefix, data)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]string{
		"nothing": "", "prefix only": "mprd1", "no separator": strings.Replace(right, "1", "", 1),
		"another prefix": encoded("cosmos", AddressBytes), "19 bytes": encoded(AddressPrefix, 19),
		"21 bytes": encoded(AddressPrefix, 21), "no bytes": encoded(AddressPrefix, 0), "padding": padded,
		"capitals": strings.ToUpper(right), "mixed": "mprd1" + strings.ToUpper(right[5:]),
		"space before": " " + right, "newline after": right + "\n", "too long": right + strings.Repeat("q", 4096),
		"a zero": right[:10] + "\x00" + right[11:],
	} {
		if a, err := ParseAddress(s); err == nil {
			t.Errorf("%s: %q is read as %s", name, s, a)
		} else if len(err.Error()) > 500 {
			t.Errorf("%s: an error of %d bytes", name, len(err.Error()))
		}
	}
}

func TestMistypedAddressIsRefusedWithoutTheRightChecksum(t *testing.T) {
	address := keyOf(1).Address()
	right := address.String()
	for i := len("mprd1"); i < len(right); i++ {
		for _, c := range "qp2z" {
			mistyped := right[:i] + string(c) + right[i+1:]
			_, err := ParseAddress(mistyped)
			if mistyped != right && err == nil {
				t.Errorf("%s is taken for an address", mistyped)
			}
			if err != nil && strings.Contains(err.Error(), right[len(right)-6:]) && i >= len(right)-6 {
				t.Errorf("the error %q tells the checksum", err)
			}
		}
	}
}

func TestAddressesSortByTheirBytes(t *testing.T) {
	var all []Address
	for n := range 64 {
		all = append(all, keyOf(byte(n)).Address())
	}
	slices.SortFunc(all, Address.Compare)
	for i := 1; i < len(all); i++ {
		if hex.EncodeToString(all[i-1][:]) >= hex.EncodeToString(all[i][:]) {
			t.Fatalf("%x is before %x", all[i-1], all[i])
		}
	}
}
