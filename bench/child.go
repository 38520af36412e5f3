//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"marathon-lb/bench/internal/load"
	"marathon-lb/bench/internal/sys"
)

// child is a process of ours.
type child struct {
	cmd  *exec.Cmd
	log  *bytes.Buffer // what it said, to be read once it has ended
	done chan struct{}
}

// spawn starts a proxy on its core. It dies with us.
func (b *bench) spawn(name string, args ...string) (*child, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = plainEnviron()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	log := new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = log, log
	if err := b.startOn(b.proxyCore, cmd); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	c := b.adopt(cmd)
	c.log = log
	return c, nil
}

// adopt waits for a process, which close will stop.
func (b *bench) adopt(cmd *exec.Cmd) *child {
	c := &child{cmd: cmd, done: make(chan struct{})}
	go func() {
		cmd.Wait()
		close(c.done)
	}()
	b.children = append(b.children, c)
	return c
}

// plainEnviron is our environment without what would change the programs under test.
func plainEnviron() []string {
	var all []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "HAPROXY_") && !strings.HasPrefix(e, "MARATHON_") && !strings.HasPrefix(e, "GO") {
			all = append(all, e)
		}
	}
	return append(all, "GOMAXPROCS=1")
}

// stop ends a process, politely at first.
func (c *child) stop() {
	c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.done:
	case <-time.After(3 * time.Second):
		syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL) // it leads a group: an nginx has workers
		<-c.done
	}
}

// ended says that a process is gone, and its last words.
func (c *child) ended() (words string, gone bool) {
	select {
	case <-c.done:
		lines := strings.Split(strings.TrimSpace(c.log.String()), "\n")
		return strings.Join(lines[max(0, len(lines)-2):], "; "), true
	default:
		return "", false
	}
}

// startBackend starts the server that is behind everybody, at four ports for each mode.
func (b *bench) startBackend() error {
	args := []string{roleBackend}
	for i := range 8 {
		at := b.port()
		args = append(args, at.String())
		if i < 4 {
			b.httpServers = append(b.httpServers, at)
		} else {
			b.tcpServers = append(b.tcpServers, at)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	cmd := exec.Command(self, args...)
	cmd.Stdout, cmd.Stderr = write, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	err = b.startOn(b.loadCore, cmd)
	write.Close()
	if err != nil {
		return err
	}
	b.adopt(cmd)
	if _, err := bufio.NewReader(read).ReadString('\n'); err != nil {
		return fmt.Errorf("backend: it ended: %w", err)
	}
	return nil
}

// startOn starts a process on one core: it inherits what this thread is pinned to.
func (b *bench) startOn(core int, cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := sys.Pin(core); err != nil {
		return err
	}
	err := cmd.Start()
	return errors.Join(err, sys.Pin(b.cores...))
}

// ask runs this program as a child that reads a spec and prints a result.
func (b *bench) ask(ctx context.Context, s load.Spec, result any, role ...string) error {
	in, err := json.Marshal(s)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.Warm+s.Window+30*time.Second)
	defer cancel()
	var out, words bytes.Buffer
	cmd := exec.CommandContext(ctx, self, role...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &words
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := b.startOn(b.loadCore, cmd); err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil {
		text, _ := io.ReadAll(&words)
		return fmt.Errorf("%w: %s", err, strings.TrimPrefix(strings.TrimSpace(string(text)), "bench: "))
	}
	return json.Unmarshal(out.Bytes(), result)
}
