package executor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	cmttypes "github.com/cometbft/cometbft/types"

	"mprd/agent/driver"
	"mprd/client"
	"mprd/internal/testchain"
	"mprd/tx"
)

// childVariable makes the test's program an executor that is to be killed: its value is a child, as JSON.
const childVariable = "MPRD_EXECUTOR_CHILD"

// child is an executor in a process of its own.
type child struct {
	Nodes   []string
	Dir     string // of its journal, the genesis and the file that its driver writes
	Operate string // the one target
	Die     string // where: see moments
}

// The moments at which a child kills itself, but for the last, at which it is killed.
const (
	dieBegun    = "begun, before the driver did anything"
	dieDriving  = "in the driver"
	dieDriven   = "after the driver, before the signature"
	dieSigning  = "after the signature, before it is in the journal"
	dieSigned   = "after the signature, before it is sent"
	dieSent     = "after it is sent"
	dieNowhere  = "nowhere"
	driverFile  = "acted"
	genesisFile = "genesis.json"
)

func die() {
	if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
		panic(err)
	}
	select {} // it comes
}

func TestMain(m *testing.M) {
	if text, is := os.LookupEnv(childVariable); is {
		if err := childMain(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func childMain(text string) error {
	var c child
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	doc, err := cmttypes.GenesisDocFromFile(filepath.Join(c.Dir, genesisFile))
	if err != nil {
		return err
	}
	ctx := context.Background()
	light, err := client.NewLight(ctx, c.Nodes, testchain.ID, client.LightTrust{Genesis: doc})
	if err != nil {
		return err
	}
	e, err := New(Config{
		ChainID: testchain.ID, Operator: testchain.Address("exec-1"),
		Signer: &mortal{Signer: testchain.Key("exec-1"), die: c.Die}, JournalDir: filepath.Join(c.Dir, "journal"),
		Drivers: map[string]driver.Driver{c.Operate: &counter{apply: c.act}}, Poll: PollDefault,
		AtOnce: 1, NewsAgeMax: NewsAgeMaxDefault, Reserve: ReserveDefault,
	}, light)
	if err != nil {
		return err
	}
	return e.Run(ctx)
}

// act writes that it acted, in two steps.
func (c *child) act(context.Context, driver.Task) (driver.Outcome, error) {
	if c.Die == dieBegun {
		die()
	}
	file, err := os.OpenFile(filepath.Join(c.Dir, driverFile), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return driver.Outcome{}, err
	}
	defer file.Close()
	for i, half := range []string{"begin\n", "end\n"} {
		if i == 1 && c.Die == dieDriving {
			die()
		}
		if _, err := file.WriteString(half); err != nil {
			return driver.Outcome{}, err
		}
	}
	readBack := fmt.Sprintf(`{"by":%d}`, os.Getpid()) // no two runs would sign the same
	return driver.Outcome{ReadBack: []byte(readBack), ResourcesUsed: 1}, nil
}

// mortal signs, and dies of it. The first signature of a run that acts is the receipt's, the second that of
// the tx that brings it.
type mortal struct {
	tx.Signer
	die   string
	count atomic.Int32
}

func (m *mortal) Sign(d tx.Digest) ([]byte, error) {
	count := m.count.Add(1)
	if count == 1 && m.die == dieDriven || count == 2 && m.die == dieSigned {
		die()
	}
	signature, err := m.Signer.Sign(d)
	if count == 1 && m.die == dieSigning {
		die()
	}
	return signature, err
}

// start starts a child.
func (c *child) start(t *testing.T) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(c)
	ok(t, err)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	ok(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd
}

// killed waits until a child is dead by SIGKILL, its own or ours.
func killed(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("it was not killed: %v", err)
	}
}

// afterSending is a proxy that calls once a receipt has reached the node.
func afterSending(t *testing.T, node string, call func()) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		answer, err := http.Post(node, "application/json", bytes.NewReader(asked))
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer answer.Body.Close()
		said, err := io.ReadAll(answer.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		if bytes.Contains(asked, []byte("broadcast_tx_sync")) {
			call()
		}
		w.Write(said) // whoever asked may be dead
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// signedIn is the receipt in a journal's only file, in hexadecimal; empty if none was signed.
func signedIn(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "journal", "*"+entrySuffix))
	ok(t, err)
	if len(names) != 1 {
		t.Fatalf("%q", names)
	}
	raw, err := os.ReadFile(names[0])
	ok(t, err)
	var file entryFile
	ok(t, json.Unmarshal(raw, &file))
	return file.Receipt
}

// TestAKilledExecutorNeitherRepeatsNorForgets kills one by SIGKILL at each of its steps and starts it again.
func TestAKilledExecutorNeitherRepeatsNorForgets(t *testing.T) {
	c := startChain(t, patient(28_000, 1), only("exec-1"))
	for _, target := range []string{"gw-run", "gw-once"} { // idempotent; neither that nor fenced
		for i, moment := range []string{dieBegun, dieDriving, dieDriven, dieSigning, dieSigned, dieSent} {
			t.Run(target+": "+moment, func(t *testing.T) { c.killAndGoOn(t, target, moment, uint32(5+i)) })
		}
	}
}

func (c *chain) killAndGoOn(t *testing.T, target, moment string, replicas uint32) {
	one := &child{Nodes: []string{c.address, c.address}, Dir: t.TempDir(), Operate: target, Die: moment}
	ok(t, c.trust.Genesis.SaveAs(filepath.Join(one.Dir, genesisFile)))
	victim := make(chan *os.Process, 1)
	if moment == dieSent {
		var once sync.Once // it is sent to both nodes
		proxy := afterSending(t, c.address, func() { once.Do(func() { (<-victim).Kill() }) })
		one.Nodes = []string{proxy, proxy}
	}
	id := c.fly(target, testchain.Scale(replicas))
	cmd := one.start(t)
	victim <- cmd.Process
	killed(t, cmd)
	wasSigned, didBefore := signedIn(t, one.Dir), did(t, one.Dir)
	if signed := moment == dieSigned || moment == dieSent; signed != (wasSigned != "") {
		t.Fatalf("signed: %q", wasSigned)
	}

	again := *one
	again.Nodes, again.Die = []string{c.address, c.address}, dieNowhere
	again.start(t)
	outcome := c.outcome(id)
	c.until("the journal says that it is over", func() bool {
		return journalHas(t, filepath.Join(one.Dir, "journal"), `"over": true`) == 1
	})
	receipts := c.receipts(id)
	if len(receipts) != 1 {
		t.Fatalf("%d receipts", len(receipts))
	}
	raw, err := receipts[0].Marshal()
	ok(t, err)
	if text := fmt.Sprintf("%x", raw); signedIn(t, one.Dir) != text || wasSigned != "" && wasSigned != text {
		t.Errorf("on the chain %s, in the journal %s, before the crash %s", text, signedIn(t, one.Dir), wasSigned)
	}
	done := receipts[0].Status == tx.ReceiptStatus_RECEIPT_STATUS_DONE
	switch didNow := did(t, one.Dir); {
	case target == "gw-once" && wasSigned == "": // an executor that does not know does not do it twice
		if done || receipts[0].Reason != tx.FailureReason_FAILURE_REASON_ERROR || didNow != didBefore ||
			outcome.State != uint32(tx.ActionState_ACTION_STATE_UNEXECUTABLE) {
			t.Errorf("%+v, %+v, the driver did %q, before the crash %q", receipts[0], outcome, didNow, didBefore)
		}
	case !done || !strings.HasSuffix(didNow, "end\n") ||
		outcome.State != uint32(tx.ActionState_ACTION_STATE_DONE):
		t.Errorf("%+v, %+v, the driver did %q", receipts[0], outcome, didNow)
	case wasSigned != "" && didNow != "begin\nend\n":
		t.Errorf("what was signed was done again: %q", didNow)
	}
}

// did is what the child's driver wrote.
func did(t *testing.T, dir string) string {
	t.Helper()
	acted, err := os.ReadFile(filepath.Join(dir, driverFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(acted)
}
