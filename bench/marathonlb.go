//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// errRefused says that the binary has no such engine.
var errRefused = errors.New("refused")

// build builds marathon-lb as make build does, and says which source it is of.
func (b *bench) build(ctx context.Context) error {
	if b.o.binary != "" {
		full, err := filepath.Abs(b.o.binary)
		b.binary, b.version = full, "of "+b.o.binary
		return err
	}
	fmt.Println("building marathon-lb")
	b.binary = filepath.Join(b.dir, "marathon-lb")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", b.binary, "./cmd/marathon-lb")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building marathon-lb, from the top of the repository: %w\n%s", err, text)
	}
	b.version = "without a commit"
	if text, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output(); err == nil {
		b.version = "of commit " + strings.TrimSpace(string(text))
	}
	return nil
}

// marathonLB starts marathon-lb with one of its engines, against a Marathon that has the backend as its tasks.
func (b *bench) marathonLB(ctx context.Context, engine string) (*contender, error) {
	c := &contender{name: "marathon-lb, " + engine, short: engine, ours: true, http: b.port(), tcp: b.port()}
	stats := b.port()
	c.stats = "http://" + stats.String() + "/metrics"
	m, err := b.marathon(c.http.Port(), c.tcp.Port())
	if err != nil {
		return nil, err
	}
	args := []string{"sse", "--marathon", m, "--group", "bench", "--service-addr", "127.0.0.1", "--stats-bind", stats.String(),
		"--http-bind", b.port().String(), "--https-bind", b.port().String(), "--appid-bind", b.port().String()}
	if b.hasEngines(ctx) || engine != "nethttp" { // before there was a choice, it was this one
		args = append(args, "--engine", engine)
	}
	if b.o.profile != "" && engine == b.o.engines[0] {
		args = append(args, "--cpu-profile", b.o.profile)
	}
	if c.child, err = b.spawn(b.binary, args...); err != nil {
		return nil, err
	}
	c.pids = []int{c.child.cmd.Process.Pid}
	err = c.serves(ctx)
	if errors.Is(err, errEnded) && c.child.cmd.ProcessState.ExitCode() == 2 { // usage
		return nil, fmt.Errorf("%w: %v", errRefused, err)
	}
	return c, err
}

func (b *bench) hasEngines(ctx context.Context) bool {
	text, _ := exec.CommandContext(ctx, b.binary, "--longhelp").CombinedOutput()
	return bytes.Contains(text, []byte("--engine"))
}

// engines starts marathon-lb with each engine that it knows.
func (b *bench) engines(ctx context.Context) error {
	for _, engine := range b.o.engines {
		c, err := b.marathonLB(ctx, engine)
		switch {
		case errors.Is(err, errRefused):
			b.missing = append(b.missing, fmt.Sprintf("marathon-lb with --engine=%s: %v", engine, err))
		case err != nil:
			return fmt.Errorf("marathon-lb with --engine=%s: %w", engine, err)
		default:
			b.contenders = append(b.contenders, c)
		}
	}
	return ctx.Err()
}
