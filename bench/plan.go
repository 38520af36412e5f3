//go:build linux

package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"marathon-lb/bench/internal/backend"
	"marathon-lb/bench/internal/load"
)

// workload is what clients do.
type workload struct {
	key, title string
	path       string
	exchange   load.Exchange
	conns      int
	rate       float64
	tcp        bool  // in TCP mode
	bytes      int64 // counts bytes, not requests: a window sees few ends of answers so large
	limit      float64
}

// workloads in the order of the tables. limit is what marathon-lb's processor time must not exceed, as a share of HAProxy's tuned.
var workloads = []workload{
	{key: "keepalive", title: "128 B, keep-alive", path: "/128", exchange: load.KeepAlive, conns: 64, limit: 0.80},
	{key: "rate", title: "128 B, keep-alive, 10,000 a second", path: "/128", exchange: load.KeepAlive, conns: 64, rate: 10000, limit: 0.90},
	{key: "64k", title: "64 KB, keep-alive", path: "/64k", exchange: load.KeepAlive, conns: 64, limit: 0.85},
	{key: "close", title: "128 B, a connection per request", path: "/128", exchange: load.Close, conns: 64, limit: 0.85},
	{key: "websocket", title: "WebSocket echo of 128 B", path: "/ws", exchange: load.WebSocket, conns: 64},
	{key: "tcp", title: "TCP mode, 128 B, keep-alive", path: "/128", exchange: load.KeepAlive, conns: 64, tcp: true, limit: 1.00},
	{key: "big", title: "100 MB downloads", path: "/big", exchange: load.KeepAlive, conns: 4, bytes: backend.Big},
}

// Extras are measured once for each contender, not in rounds.
const (
	extraIdle = "idle" // memory of idle connections
	extraCost = "cost" // system calls and allocations
)

// noisy is how far apart the middle half of HAProxy's own rounds may be, as a share of their median, before they mean nothing.
const noisy = 0.25

const fullTime = 4*time.Minute + 40*time.Second

// options are the flags.
type options struct {
	time    time.Duration
	only    []string
	engines []string
	binary  string
	out     string
	profile string
}

var errUsage = errors.New("usage")

func parse(args []string) (options, error) {
	var o options
	var only, engines string
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.DurationVar(&o.time, "time", fullTime, "how long all of it may take; what is much shorter shows only that it works")
	f.StringVar(&only, "only", "", "the workloads to run, separated by commas, of "+strings.Join(keys(), ", ")+"; empty for all")
	f.StringVar(&engines, "engines", "loop,nethttp", "marathon-lb's engines, the one that matters first")
	f.StringVar(&o.binary, "binary", "", "a marathon-lb to measure instead of building one")
	f.StringVar(&o.out, "out", "docs/benchmarks.md", "the page to write, pictures beside it; of itself only after a full run; empty for none")
	f.StringVar(&o.profile, "profile", "", "a file for a profile of the first engine's processor time")
	if err := f.Parse(args); err != nil {
		return o, errUsage
	}
	o.only, o.engines = split(only), split(engines)
	if len(o.only) == 0 {
		o.only = keys()
	}
	for _, k := range o.only {
		if !slices.Contains(keys(), k) {
			fmt.Fprintf(os.Stderr, "-only %s: there is no such workload, but %s\n", k, strings.Join(keys(), ", "))
			return o, errUsage
		}
	}
	if f.NArg() > 0 || o.time < 10*time.Second {
		fmt.Fprintln(os.Stderr, "arguments are not taken, and -time must be 10s at least")
		return o, errUsage
	}
	chosen := false
	f.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "out" })
	if !chosen && (only != "" || o.time < fullTime) {
		o.out = ""
	}
	return o, nil
}

// keys are what -only takes.
func keys() []string {
	var all []string
	for _, w := range workloads {
		all = append(all, w.key)
	}
	return append(all, extraIdle, extraCost)
}

func split(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

func (o options) wants(key string) bool { return slices.Contains(o.only, key) }

// schedule is how the time is spent.
type schedule struct {
	rounds       int
	warm, window time.Duration
	cost         time.Duration // a window of the extras
}

// overhead is what a window costs besides: starting a generator, connections.
const overhead = 60 * time.Millisecond

// costWindow is the part of all the time that one window of the extras gets.
func (o options) costWindow() time.Duration {
	return max(400*time.Millisecond, min(1500*time.Millisecond, o.time/150))
}

// slotEach is about what a window, with what goes before it, gets. Short ones, and many of them, compare better: what else a machine is busy with
// lasts for seconds, and is the same for neighbours.
const slotEach = 700 * time.Millisecond

// plan divides what is left of the time among runs of workloads, in rounds.
func (o options) plan(left time.Duration, contenders, runs int) schedule {
	s := schedule{cost: o.costWindow()}
	if o.wants(extraCost) {
		left -= time.Duration(contenders) * (3*s.cost + 3*time.Second/2)
	}
	each := max(0, left) / time.Duration(max(1, runs))
	most := int(each / (300 * time.Millisecond)) // shorter ones are all chance
	s.rounds = min(15, max(1, min(most, 3), int(each/slotEach)))
	slot := max(250*time.Millisecond, each/time.Duration(s.rounds)-overhead)
	s.warm = slot / 4
	s.window = slot - s.warm
	return s
}
