//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// contender is a proxy under test.
type contender struct {
	name  string
	short string // for lines of progress
	ours  bool
	http  netip.AddrPort
	tcp   netip.AddrPort // zero if it has no TCP mode
	stats string         // where metrics are; empty for none
	pids  []int          // that serve
	child *child
}

// Names that others are compared with.
const (
	tunedName    = "HAProxy, tuned"
	defaultsName = "HAProxy, Marathon-LB's defaults"
	nginxName    = "nginx"
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

// errEnded says that a process ended where it should serve.
var errEnded = errors.New("it ended")

// serves waits until a contender answers.
func (c *contender) serves(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
	for _, at := range []netip.AddrPort{c.http, c.tcp} {
		if !at.IsValid() {
			continue
		}
		for !ok(&client, "http://"+at.String()+"/128") {
			if words, gone := c.child.ended(); gone {
				return fmt.Errorf("%w: %s", errEnded, words)
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("it does not serve %v: %w", at, ctx.Err())
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	return nil
}

func ok(client *http.Client, url string) bool {
	r, err := client.Get(url)
	if err != nil {
		return false
	}
	r.Body.Close()
	return r.StatusCode == http.StatusOK
}
