package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// stopWait is how long a validator may take to stop before it is killed.
const stopWait = 15 * time.Second

func (l *localnet) startAll() error {
	for i := range l.Nodes {
		if l.alive(i) {
			continue
		}
		if err := l.start(i); err != nil {
			return err
		}
	}
	return l.save()
}

// start runs one validator as a process of its own session, its output appended to node.log.
func (l *localnet) start(i int) error {
	if l.alive(i) {
		return fmt.Errorf("%s runs already, pid %d", l.Nodes[i].Name, l.Nodes[i].PID)
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	home, err := filepath.Abs(filepath.Join(l.dir, l.Nodes[i].Home))
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(home, "node.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	process := exec.Command(program, "start", "--home", home)
	process.Stdout, process.Stderr = log, log
	process.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := process.Start(); err != nil {
		return err
	}
	l.Nodes[i].PID = process.Process.Pid
	go process.Wait() //nolint:errcheck // reaps it if we live longer; its log says why it ended
	return nil
}

// alive tells whether the validator's process runs. A pid that now belongs to somebody else is not it.
func (l *localnet) alive(i int) bool {
	if l.Nodes[i].PID == 0 {
		return false
	}
	proc := filepath.Join("/proc", strconv.Itoa(l.Nodes[i].PID))
	line, err := os.ReadFile(filepath.Join(proc, "cmdline"))
	if err != nil {
		return false
	}
	home, err := filepath.Abs(filepath.Join(l.dir, l.Nodes[i].Home))
	if err != nil {
		return false
	}
	for _, argument := range bytes.Split(line, []byte{0}) { // none for a process that ended and is not reaped
		if string(argument) == home {
			return true
		}
	}
	return false
}

// stop ends one validator by its pid: SIGTERM, and SIGKILL if it does not end; or SIGKILL at once.
func (l *localnet) stop(i int, kill bool) error {
	node := &l.Nodes[i]
	if !l.alive(i) {
		node.PID = 0
		return nil
	}
	signal := syscall.SIGTERM
	if kill {
		signal = syscall.SIGKILL
	}
	if err := syscall.Kill(node.PID, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("%s, pid %d: %w", node.Name, node.PID, err)
	}
	for deadline := time.Now().Add(stopWait); l.alive(i); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			if kill {
				return fmt.Errorf("%s, pid %d does not end", node.Name, node.PID)
			}
			return l.stop(i, true)
		}
	}
	node.PID = 0
	return nil
}

func (l *localnet) stopAll() error {
	for i := range l.Nodes { // all at once, then wait for each
		if l.alive(i) {
			_ = syscall.Kill(l.Nodes[i].PID, syscall.SIGTERM) // stop looks again
		}
	}
	var failed []error
	for i := range l.Nodes {
		failed = append(failed, l.stop(i, false))
	}
	return errors.Join(append(failed, l.save())...)
}

// waitForBlocks returns once every validator is at height 2: genesis agreed on, and gone beyond.
func (l *localnet) waitForBlocks(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for i, node := range l.Nodes {
		for heightOf(ctx, node.RPC) < 2 {
			if !l.alive(i) {
				return fmt.Errorf("%s ended; see %s", node.Name, filepath.Join(l.dir, node.Home, "node.log"))
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("%s makes no blocks; see %s", node.Name, filepath.Join(l.dir, node.Home, "node.log"))
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
	return nil
}

// heightOf asks a node for its height; 0 if it does not answer.
func heightOf(ctx context.Context, rpc string) int64 {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, rpc+"/status", nil)
	if err != nil {
		return 0
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	var answer struct {
		Result struct {
			SyncInfo struct {
				Height string `json:"latest_block_height"`
			} `json:"sync_info"`
		} `json:"result"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return 0
	}
	height, err := strconv.ParseInt(answer.Result.SyncInfo.Height, 10, 64)
	if err != nil {
		return 0
	}
	return height
}
