package scripts

import (
	"os"
	"os/exec"
	"testing"
)

// TestAnotherArchitectureComesToTheSameAppHashes runs the scenarios with their committed app hashes as a 32-bit
// program: one that computed with another word size and found another hash would split a chain.
func TestAnotherArchitectureComesToTheSameAppHashes(t *testing.T) {
	run := exec.Command("go", "test", "-count=1", "-run", "TestScenarios", "mprd/app")
	run.Env = append(os.Environ(), "GOARCH=386", "CGO_ENABLED=0")
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("GOARCH=386: %v\n%s", err, out)
	}
}
