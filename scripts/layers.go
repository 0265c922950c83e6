package scripts

import "strings"

// module is the module's path: its packages are module/<family>/….
const module = "mprd"

// deterministicMax is the highest layer in which every node must compute the same.
const deterministicMax = 4

// layers are the families of packages (docs/architecture.md, "Packages, by layer"): a family is a folder of
// the root with all its sub-packages. A family imports only families of lower layers.
var layers = [][]string{
	0: {"tx"},
	1: {"policy", "audit", "economics"},
	2: {"state"},
	3: {"action", "account", "slashing", "gov", "genesis"},
	4: {"app"},
	5: {"abci", "client"},
	6: {"agent"},
	7: {"cmd"},
}

// beside are the folders that stand beside the layers: they may import anything, and no layer imports them.
var beside = []string{"scripts", "internal", "examples", "formal", "web"}

// owned are libraries that only the named families import.
var owned = []libraryRule{
	{"github.com/cometbft", []string{"abci", "client", "agent", "cmd"}},
	{"github.com/cosmos/iavl", []string{"state"}},
	{"github.com/cosmos/cosmos-db", []string{"state"}},
	{"github.com/cedar-policy/cedar-go", []string{"policy"}},
	{"github.com/spf13/viper", []string{"cmd"}},
	{"github.com/spf13/cobra", []string{"cmd"}},
	{"github.com/spf13/pflag", []string{"cmd"}},
	{"github.com/rs/zerolog", []string{"abci", "agent", "cmd"}},
}

// shared are the other libraries that layers 0–4 may import, and who of them; above, libraries are free.
var shared = []libraryRule{
	{"github.com/cosmos/gogoproto", []string{"tx", "policy", "audit", "economics", "state", "genesis"}},
	{"github.com/oasisprotocol/curve25519-voi", []string{"tx"}},
	{"github.com/cosmos/btcutil", []string{"tx"}},
	{"github.com/transparency-dev/merkle", []string{"audit"}},
	{"golang.org/x/mod/sumdb", []string{"audit"}},
	{"golang.org/x/sys", []string{"audit", "state"}},
	{"github.com/cosmos/ics23/go", []string{"state"}},
	{"github.com/syndtr/goleveldb", []string{"state"}}, // options of the database that cosmos-db opens
	{"google.golang.org/protobuf/encoding/protowire", []string{"tx"}},
}

// libraryRule says which families import a library: a path and all below it.
type libraryRule struct {
	path  string
	users []string
}

// aliases are the names under which these packages are imported, everywhere, and nothing else is.
var aliases = map[string]string{
	"github.com/cometbft/cometbft/abci/types": "abcitypes",
	"github.com/cometbft/cometbft/state":      "cmtstate",
}

// fileUsers are the only deterministic families that meet a disk, behind their Commit.
var fileUsers = []string{"audit", "state"}

// layerOf gives the layer of a family; false when it has none.
func layerOf(family string) (int, bool) {
	for layer, families := range layers {
		if contains(families, family) {
			return layer, true
		}
	}
	return 0, false
}

// deterministic says whether every node must compute the same in this family.
func deterministic(family string) bool {
	layer, ok := layerOf(family)
	return ok && layer <= deterministicMax
}

// within says whether path is root or lies below it.
func within(path, root string) bool {
	return path == root || strings.HasPrefix(path, root+"/")
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
