//go:build linux

// Command bench measures marathon-lb side by side with HAProxy and nginx: processor time per request above all, which a shared
// machine disturbs least. Run it with go run ./bench in the repository.
//
// It builds marathon-lb and starts everything as processes of its own: the proxies on one core, the backend and the generator of
// load on another. Contenders take turns, workload by workload, round by round, so that ratios compare what ran within seconds.
//
// Read main.go and plan.go (what is run), bench.go (the run), child.go and ports.go (processes), contender.go and haproxy.go, nginx.go,
// marathonlb.go (who is measured), marathon.go (who tells marathon-lb what to serve), sample.go and rows.go (figures), extras.go
// (memory, system calls, allocations), tables.go and page.go (what is told). Generator and backend are in internal/.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"

	"marathon-lb/bench/internal/backend"
	"marathon-lb/bench/internal/load"
)

// Roles of this program's child processes.
const (
	roleBackend = "as-backend" // addresses
	roleLoad    = "as-load"    // a load.Spec on standard input
	roleStay    = "as-stay"    // the same, and a number of connections as argument
)

// The first thread starts all children: they die with it, and inherit what it is pinned to.
func init() { runtime.LockOSThread() }

func main() {
	if err := run(os.Args[1:]); err != nil {
		if errors.Is(err, errUsage) {
			os.Exit(2)
		}
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case roleBackend:
			return serve(args[1:])
		case roleLoad:
			return answer(func(s load.Spec) (any, error) { return load.Run(s) })
		case roleStay:
			conns, err := strconv.Atoi(args[1])
			if err != nil {
				return err
			}
			return answer(func(s load.Spec) (any, error) { return load.Stay(s, conns) })
		}
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return measure(ctx, o)
}

func serve(args []string) error {
	var at []netip.AddrPort
	for _, a := range args {
		address, err := netip.ParseAddrPort(a)
		if err != nil {
			return err
		}
		at = append(at, address)
	}
	return backend.Serve(at, func() { fmt.Println("ready") })
}

// answer reads a spec and prints what became of it. The collector of garbage has next to nothing to do here.
func answer(play func(load.Spec) (any, error)) error {
	debug.SetGCPercent(400)
	var s load.Spec
	if err := json.NewDecoder(os.Stdin).Decode(&s); err != nil {
		return fmt.Errorf("spec: %w", err)
	}
	result, err := play(s)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}
