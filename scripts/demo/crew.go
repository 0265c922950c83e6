package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"mprd/client"
	"mprd/state"
	"mprd/tx"
)

// crew are the executors: three processes of `mprd executor`, each of another operator.
type crew struct {
	members []*member
	killed  *member // by the step "kill"
}

// member is one executor.
type member struct {
	name    string
	address tx.Address
	process *exec.Cmd
	exited  chan error
}

// startCrew starts an executor for each key.
func (d *demo) startCrew(names []string) error {
	for _, name := range names {
		key, err := d.named(name)
		if err != nil {
			return err
		}
		m := &member{name: name, address: key.Address(), exited: make(chan error, 1)}
		if err := d.startMember(m); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		d.crew.members = append(d.crew.members, m)
	}
	return nil
}

func (d *demo) startMember(m *member) error {
	home := d.path(m.name)
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	if err := d.certs.deliver(home); err != nil {
		return err
	}
	config := filepath.Join(home, "executor.toml")
	if err := os.WriteFile(config, []byte(d.gateway.drivers(home)), 0o600); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(home, "executor.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	m.process = exec.Command(d.binary, append([]string{"executor", "--config", config, "--from", m.name,
		"--home", home, "--keys", filepath.Join(d.path("home"), "keys"), "--trusted-genesis", d.genesisFile(),
		"--chain-id", chainID, "--passphrase-file", d.passphrase}, nodes...)...)
	m.process.Stdout, m.process.Stderr = log, log
	if err := m.process.Start(); err != nil {
		m.process = nil
		return err
	}
	go func() { m.exited <- m.process.Wait() }()
	return nil
}

// names puts the executors' names for their addresses.
func (c *crew) names() *strings.Replacer {
	var pairs []string
	for _, m := range c.members {
		pairs = append(pairs, m.address.String(), m.name)
	}
	return strings.NewReplacer(pairs...)
}

// alive says who ended by himself.
func (c *crew) alive() (err error) {
	for _, m := range c.members {
		if m.process == nil {
			continue
		}
		select {
		case exit := <-m.exited:
			m.process = nil
			err = errors.Join(err, fmt.Errorf("%s ended, see its log: %w", m.name, exit))
		default:
		}
	}
	return err
}

// signal sends a signal to every executor that still runs.
func (c *crew) signal(s os.Signal) error {
	var errs []error
	for _, m := range c.members {
		if m.process != nil {
			if err := m.process.Process.Signal(s); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", m.name, err))
			}
		}
	}
	return errors.Join(errs...)
}

// stop ends the executors that still run: asked first, killed after ten seconds.
func (c *crew) stop() error {
	err := errors.Join(c.alive(), c.signal(syscall.SIGCONT), c.signal(os.Interrupt))
	for _, m := range c.members {
		if m.process == nil {
			continue
		}
		select {
		case exit := <-m.exited:
			if exit != nil {
				err = errors.Join(err, fmt.Errorf("%s ended badly: %w", m.name, exit))
			}
		case <-time.After(10 * time.Second):
			err = errors.Join(err, fmt.Errorf("%s does not end", m.name), m.process.Process.Kill())
			<-m.exited
		}
		m.process = nil
	}
	return err
}

// command does what a step says to the crew.
func (d *demo) command(s *step) error {
	fmt.Printf("\n— %s\n", s.Title)
	switch s.Crew {
	case "hold":
		return d.crew.signal(syscall.SIGSTOP)
	case "kill":
		return errors.Join(d.killPresent(s.Of), d.crew.signal(syscall.SIGCONT))
	case "stop":
		return d.crew.stop()
	}
	return fmt.Errorf("no command %q to the crew", s.Crew)
}

// killPresent kills the executor whose turn it is, before he could do anything.
func (d *demo) killPresent(of string) error {
	id, err := d.idOf(of)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(d.ctx, 10*time.Second)
	defer cancel()
	for {
		action, err := d.node.Action(ctx, id)
		switch {
		case err != nil && !errors.Is(err, client.ErrNotFound):
			return err
		case err == nil && action.State == tx.ActionState_ACTION_STATE_ASSIGNED:
			return d.crew.kill(action)
		}
		select {
		case <-ctx.Done():
			return errors.New("nobody is assigned")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (c *crew) kill(action *state.Action) error {
	operator := tx.AddressFrom(action.Attempts[action.Current].Operator)
	for _, m := range c.members {
		if m.address != operator || m.process == nil {
			continue
		}
		if err := m.process.Process.Kill(); err != nil {
			return err
		}
		<-m.exited
		m.process, c.killed = nil, m
		fmt.Printf("  attempt %d is %s's, who is killed\n", action.Current+1, m.name)
		return nil
	}
	return fmt.Errorf("nobody here is %s, who is assigned", operator)
}
