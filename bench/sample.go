//go:build linux

package main

import (
	"context"
	"time"

	"marathon-lb/bench/internal/figures"
	"marathon-lb/bench/internal/load"
)

// sample is a window.
type sample struct {
	load.Result
	err error // it could not be measured
}

// cpu is the processor time of one request, in microseconds; none if anything failed.
func (s sample) cpu(w workload) float64 {
	units := s.units(w)
	if s.err != nil || s.Failures > 0 || units == 0 {
		return figures.None
	}
	return float64(s.Usage.CPU.Nanoseconds()) / 1000 / units
}

func (s sample) units(w workload) float64 {
	if w.bytes > 0 {
		return float64(s.Bytes) / float64(w.bytes)
	}
	return float64(s.Requests)
}

// note is a sample in a line of progress.
func (s sample) note(w workload) string {
	if s.err != nil || s.Failures > 0 {
		return "FAILED"
	}
	return micros(s.cpu(w))
}

// spec is a workload for one contender.
func (w workload) spec(c *contender, warm, window time.Duration) load.Spec {
	to := c.http
	if w.tcp {
		to = c.tcp
	}
	return load.Spec{To: to, Path: w.path, Exchange: w.exchange, Conns: w.conns, Rate: w.rate, Warm: warm, Window: window, PIDs: c.pids}
}

// play has a generator play a workload.
func (b *bench) play(ctx context.Context, w workload, c *contender, warm, window time.Duration) (load.Result, error) {
	var r load.Result
	err := b.ask(ctx, w.spec(c, warm, window), &r, roleLoad)
	return r, err
}
