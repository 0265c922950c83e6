package scripts

import (
	"os"
	"testing"
)

// TestTheModuleKeepsItsStructure holds every rule of this package against the module itself.
func TestTheModuleKeepsItsStructure(t *testing.T) {
	files, err := Load("..")
	if err != nil {
		t.Fatal(err)
	}
	exports, err := ListExports("..", deterministicPatterns(t)...)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range Check(files, exports) {
		t.Error(v)
	}
}

// deterministicPatterns names the packages of layers 0 to 4 that exist.
func deterministicPatterns(t *testing.T) []string {
	t.Helper()
	var patterns []string
	for layer := 0; layer <= deterministicMax; layer++ {
		for _, family := range layers[layer] {
			if _, err := os.Stat("../" + family); err == nil {
				patterns = append(patterns, "./"+family+"/...")
			}
		}
	}
	return patterns
}
