//go:build linux

package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"marathon-lb/bench/internal/figures"
	"marathon-lb/bench/internal/load"
)

// extras are what is measured once for each contender. Each figure is None where note says why.
type extras struct {
	idleKB, syscalls, allocations           float64
	idleNote, syscallsNote, allocationsNote string
	calls                                   string // the commonest system calls
}

func (b *bench) extrasOf(c *contender) *extras {
	if b.extras[c] == nil {
		b.extras[c] = &extras{idleKB: figures.None, syscalls: figures.None, allocations: figures.None}
	}
	return b.extras[c]
}

// measureIdle tells the memory of idle connections, after enough load that buffers and pools are there.
func (b *bench) measureIdle(ctx context.Context) {
	conns := min(4000, b.clients()-200)
	if conns < 1000 {
		b.missing = append(b.missing, fmt.Sprintf(
			"memory of idle connections to be relied on: %d files may be open (ulimit -Hn), so it is of %d connections", b.files, conns))
	}
	for _, c := range b.contenders {
		if ctx.Err() != nil {
			return
		}
		x := b.extrasOf(c)
		var idle load.Idle
		_, err := b.play(ctx, workloads[0], c, 0, 300*time.Millisecond)
		if err == nil {
			err = b.ask(ctx, workloads[0].spec(c, 0, 0), &idle, roleStay, strconv.Itoa(conns))
		}
		switch {
		case err != nil:
			x.idleNote = err.Error()
		case idle.Open < idle.Opened*9/10:
			x.idleNote = fmt.Sprintf("closes them: %d of %d left", idle.Open, idle.Opened)
		default:
			x.idleKB = float64(idle.AfterKB-idle.BeforeKB) / float64(idle.Opened)
		}
		fmt.Printf("%d idle connections  %s %s KB each %s\n", conns, c.short, number(x.idleKB), x.idleNote)
	}
}

// measureCost counts system calls and allocations of keep-alive requests: figures without noise.
func (b *bench) measureCost(ctx context.Context) {
	for _, c := range b.contenders {
		if ctx.Err() != nil {
			return
		}
		x := b.extrasOf(c)
		if c.stats == "" {
			x.allocationsNote = "not Go"
		} else if n, err := b.allocations(ctx, c); err != nil {
			x.allocationsNote = err.Error()
		} else {
			x.allocations = n
		}
		if b.tools["strace"] == "" {
			x.syscallsNote = "strace is not installed"
		} else if n, calls, err := b.syscalls(ctx, c); err != nil {
			x.syscallsNote = err.Error()
		} else {
			x.syscalls, x.calls = n, calls
		}
		fmt.Printf("per request  %-12s %s system calls %s, %s allocations %s\n",
			c.short, number(x.syscalls), x.syscallsNote, number(x.allocations), x.allocationsNote)
	}
}

// counts are of something, by name, during a run of so many requests.
type counts struct {
	of       map[string]float64
	requests float64
}

// each counts during a long run and a short one. What the long one has more is due to the requests it has more: opening connections,
// and looking, cost both the same; what only the first run costs, one before them has had.
func (b *bench) each(count func(window time.Duration) (counts, error)) (map[string]float64, error) {
	if _, err := count(b.schedule.cost / 4); err != nil {
		return nil, err
	}
	short, err := count(b.schedule.cost / 4)
	if err != nil {
		return nil, err
	}
	long, err := count(b.schedule.cost)
	if err != nil {
		return nil, err
	}
	per := map[string]float64{}
	for name, n := range long.of {
		per[name] = (n - short.of[name]) / (long.requests - short.requests)
	}
	return per, nil
}

// keepAlive plays the first workload, for counting.
func (b *bench) keepAlive(ctx context.Context, c *contender, window time.Duration) (requests float64, err error) {
	r, err := b.play(ctx, workloads[0], c, 0, window)
	if err == nil && r.Failures > 0 {
		err = errors.New(r.Failure)
	}
	return float64(r.All), err
}

// allocations is how many objects a request makes, by the counter in /metrics.
func (b *bench) allocations(ctx context.Context, c *contender) (float64, error) {
	per, err := b.each(func(window time.Duration) (counts, error) {
		before, err := mallocs(ctx, c.stats)
		if err != nil {
			return counts{}, err
		}
		requests, err := b.keepAlive(ctx, c, window)
		if err != nil {
			return counts{}, err
		}
		after, err := mallocs(ctx, c.stats)
		return counts{map[string]float64{"objects": after - before}, requests}, err
	})
	return per["objects"], err
}

func mallocs(ctx context.Context, url string) (float64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	for s := bufio.NewScanner(answer.Body); s.Scan(); {
		if n, ok := strings.CutPrefix(s.Text(), "go_memstats_mallocs_total "); ok {
			return strconv.ParseFloat(n, 64)
		}
	}
	return 0, errors.New("/metrics has no go_memstats_mallocs_total")
}

// syscalls is how many system calls a request makes, as strace counts them, and which.
func (b *bench) syscalls(ctx context.Context, c *contender) (sum float64, calls string, err error) {
	per, err := b.each(func(window time.Duration) (counts, error) { return b.trace(ctx, c, window) })
	var often []string
	for _, name := range slices.SortedFunc(maps.Keys(per), func(x, y string) int { return cmp.Compare(per[y], per[x]) }) {
		sum += per[name]
		if per[name] >= 0.01 {
			often = append(often, fmt.Sprintf("%s %.2f", name, per[name]))
		}
	}
	return sum, strings.Join(often, ", "), err
}

// trace runs strace on a contender under load.
func (b *bench) trace(ctx context.Context, c *contender, window time.Duration) (counts, error) {
	file := filepath.Join(b.dir, c.short+".strace")
	args := []string{"-c", "-f", "-o", file}
	for _, pid := range c.pids {
		args = append(args, "-p", strconv.Itoa(pid))
	}
	words, write, err := os.Pipe()
	if err != nil {
		return counts{}, err
	}
	defer words.Close()
	cmd := exec.CommandContext(ctx, b.tools["strace"], args...)
	cmd.Stderr = write
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGINT} // which lets go of who it traces
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	err = cmd.Start()
	write.Close()
	if err != nil {
		return counts{}, err
	}
	said := bufio.NewReader(words)
	line, _ := said.ReadString('\n')
	go io.Copy(io.Discard, said)
	requests, err := b.keepAlive(ctx, c, window)
	cmd.Process.Signal(syscall.SIGINT)
	cmd.Wait()
	if !strings.Contains(line, "attached") {
		return counts{}, errors.New(strings.TrimSpace(line))
	}
	if err != nil {
		return counts{}, err
	}
	table, err := os.ReadFile(file)
	return counts{countCalls(table), requests}, err
}

// countCalls reads the table that strace -c writes.
func countCalls(table []byte) map[string]float64 {
	of := map[string]float64{}
	for line := range bytes.Lines(table) {
		f := strings.Fields(string(line))
		if len(f) < 5 || f[len(f)-1] == "total" {
			continue
		}
		if n, err := strconv.ParseFloat(f[3], 64); err == nil { // else it is the table's head
			of[f[len(f)-1]] += n
		}
	}
	return of
}
