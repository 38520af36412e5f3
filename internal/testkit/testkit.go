// Package testkit is what tests of several packages need. It is no part of the program: internal/arch sees to that.
package testkit

import (
	"context"
	"flag"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write golden files and generated pages anew")

// Golden compares a text with the file that has it, or writes that file with -update.
func Golden(t testing.TB, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update writes it anew); got\n%s", file, got)
	}
}

// Eventually waits for a condition. Its patience is for machines with much else to do.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	late := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// Serve accepts connections on loopback, each of which serve has for itself until it returns. The end of the test closes them.
func Serve(t testing.TB, serve func(net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	ctx, stop := context.WithCancel(context.Background())
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer c.Close()
				defer context.AfterFunc(ctx, func() { c.Close() })()
				serve(c)
			})
		}
	})
	t.Cleanup(func() { stop(); l.Close(); running.Wait() })
	return netip.MustParseAddrPort(l.Addr().String())
}

// Program is the path of one that a test cannot do without. Where it is missing the test is skipped, and says what was not tested; but
// where the environment says CI it has to be installed.
func Program(t testing.TB, name, untested string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(name, " is not installed: ", err)
		}
		t.Skipf("SKIPPED, %s: install %s to run this test: %v", untested, name, err)
	}
	return path
}

// HAProxyAccepts has HAProxy look at a configuration, which it must not even warn of.
func HAProxyAccepts(t testing.TB, config string) {
	t.Helper()
	program := Program(t, "haproxy", "HAProxy was not asked whether it accepts the configuration")
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), program, "-c", "-f", file).CombinedOutput(); err != nil || strings.Contains(string(out), "WARNING") {
		t.Errorf("haproxy -c: %v\n%s\n%s", err, out, config)
	}
}
