//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"marathon-lb/bench/internal/sys"
)

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// bench is a run of all.
type bench struct {
	o        options
	begun    time.Time
	dir      string            // of this run's files
	tools    map[string]string // paths of other programs; a missing one is not there
	binary   string            // marathon-lb
	version  string            // what it was built from
	files    int               // that a process may have open
	cores    []int             // that we may use
	lastPort uint16

	proxyCore, loadCore     int
	httpServers, tcpServers []netip.AddrPort
	contenders              []*contender
	missing                 []string // what is not measured, why, and what to do about it
	schedule                schedule
	results                 map[string]map[*contender][]sample // by the workload's key; one for each round
	extras                  map[*contender]*extras

	children []*child
	cleanup  []func()
}

// measure does all of it.
func measure(ctx context.Context, o options) error {
	b := &bench{
		o: o, begun: time.Now(), files: sys.RaiseFiles(), cores: sys.CPUs(), lastPort: 21000, tools: map[string]string{},
		results: map[string]map[*contender][]sample{}, extras: map[*contender]*extras{},
	}
	defer b.close()
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	b.dir = dir
	b.cleanup = append(b.cleanup, func() { os.RemoveAll(b.dir) })
	if err := b.prepare(ctx); err != nil {
		return err
	}
	if err := b.run(ctx); err != nil {
		return err
	}
	b.tables(os.Stdout)
	if o.out != "" {
		if err := b.page(o.out); err != nil {
			return err
		}
	}
	return b.verdict()
}

// close ends what was started.
func (b *bench) close() {
	for _, c := range slices.Backward(b.children) {
		c.stop()
	}
	for _, f := range slices.Backward(b.cleanup) {
		f()
	}
}

// prepare starts everybody.
func (b *bench) prepare(ctx context.Context) error {
	if len(b.cores) == 0 {
		return errors.New("no processor to run on")
	}
	b.loadCore, b.proxyCore = b.cores[0], b.cores[0]
	if len(b.cores) > 1 {
		b.proxyCore = b.cores[1]
	} else {
		b.missing = append(b.missing, "a second core: the proxies share theirs with generator and backend, so req/s and latency mean little")
	}
	b.lookFor("haproxy", "haproxy", "HAProxy, which all ratios are against")
	b.lookFor("nginx", "nginx-light", "nginx")
	b.lookFor("strace", "strace", "system calls per request")
	if err := b.build(ctx); err != nil {
		return err
	}
	if err := b.startBackend(); err != nil {
		return err
	}
	if err := b.engines(ctx); err != nil {
		return err
	}
	if err := b.others(ctx); err != nil {
		return err
	}
	if len(b.contenders) == 0 {
		return fmt.Errorf("nobody to measure: %s", strings.Join(b.missing, "; "))
	}
	for _, m := range b.missing {
		fmt.Println("missing:", m)
	}
	return nil
}

// lookFor finds a program, in the places of servers too.
func (b *bench) lookFor(name, pkg, what string) {
	path, err := exec.LookPath(name)
	for _, dir := range []string{"/usr/sbin/", "/usr/local/sbin/"} {
		if err != nil {
			path, err = exec.LookPath(dir + name)
		}
	}
	if err != nil {
		b.missing = append(b.missing, fmt.Sprintf("%s: %s is not installed; on Debian: apt-get install %s", what, name, pkg))
		return
	}
	b.tools[name] = path
}

// others starts those that marathon-lb is compared with.
func (b *bench) others(ctx context.Context) error {
	start := func(tool string, f func(context.Context) (*contender, error)) error {
		if b.tools[tool] == "" {
			return nil
		}
		c, err := f(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", tool, err)
		}
		b.contenders = append(b.contenders, c)
		return nil
	}
	return errors.Join(
		start("haproxy", func(ctx context.Context) (*contender, error) { return b.haproxy(ctx, true) }),
		start("haproxy", func(ctx context.Context) (*contender, error) { return b.haproxy(ctx, false) }),
		start("nginx", b.nginx),
	)
}

// clients is how many connections a proxy can be asked to hold: each may need another one to the backend.
func (b *bench) clients() int { return min(9000, (b.files-200)/2) }

// run measures everything.
func (b *bench) run(ctx context.Context) error {
	settle(ctx, time.Second)
	if b.o.wants(extraIdle) {
		b.measureIdle(ctx)
	}
	runs := 0
	for _, w := range workloads {
		if b.o.wants(w.key) {
			b.results[w.key] = map[*contender][]sample{}
			runs += len(b.takers(w))
		}
	}
	if runs > 0 {
		left := b.o.time - time.Since(b.begun)
		b.schedule = b.o.plan(left, len(b.contenders), runs)
		fmt.Printf("%d rounds of windows of %v\n", b.schedule.rounds, b.schedule.window.Round(10*time.Millisecond))
		for round := 0; round < b.schedule.rounds && ctx.Err() == nil; round++ {
			b.round(ctx, round)
		}
	}
	b.schedule.cost = b.o.costWindow()
	if b.o.wants(extraCost) {
		b.measureCost(ctx)
	}
	if ctx.Err() != nil {
		return errors.New("interrupted: there is no result")
	}
	return nil
}

// takers are the contenders that can do a workload.
func (b *bench) takers(w workload) []*contender {
	return slices.DeleteFunc(slices.Clone(b.contenders), func(c *contender) bool { return w.tcp && !c.tcp.IsValid() })
}

// round lets everybody do each workload once. Who begins changes, so that nobody always follows the same one.
func (b *bench) round(ctx context.Context, round int) {
	for _, w := range workloads {
		if !b.o.wants(w.key) {
			continue
		}
		takers := b.takers(w)
		fmt.Printf("%d/%d  %-36s", round+1, b.schedule.rounds, w.title)
		for i := range takers {
			c := takers[(i+round)%len(takers)]
			r, err := b.play(ctx, w, c, b.schedule.warm, b.schedule.window)
			s := sample{r, err}
			if ctx.Err() != nil {
				break
			}
			b.results[w.key][c] = append(b.results[w.key][c], s)
			fmt.Printf("  %s %s", c.short, s.note(w))
		}
		fmt.Println()
	}
}
