//go:build linux

package main

import (
	"errors"
	"fmt"

	"marathon-lb/bench/internal/figures"
)

// row is what a contender has to show for a workload.
type row struct {
	contender *contender
	all       []float64 // processor time, by round
	cpu       figures.Spread
	ratio     figures.Spread // to HAProxy, tuned
	user      float64        // of the processor time, in microseconds
	p50, p99  float64
	rate      float64 // per second
	busy      float64 // share of the core
	failures  int64
	failure   string
}

// rows are those of a workload. What failed has no figures.
func (b *bench) rows(w workload) []row {
	var rows []row
	for _, c := range b.takers(w) {
		rows = append(rows, summarize(w, c, b.results[w.key][c]))
	}
	if tuned := find(rows, tunedName); tuned != nil {
		for i := range rows {
			rows[i].ratio = figures.Paired(rows[i].all, tuned.all)
		}
	}
	return rows
}

// summarize takes the medians of rounds. One failure in any round voids them all.
func summarize(w workload, c *contender, rounds []sample) row {
	r := row{contender: c, ratio: figures.Of(nil)}
	var p50, p99, rate, busy []float64
	var user, system int64
	for _, s := range rounds {
		if s.err != nil {
			s.Failures, s.Failure = s.Failures+1, s.err.Error()
		}
		if r.failures += s.Failures; r.failure == "" {
			r.failure = s.Failure
		}
		r.all = append(r.all, s.cpu(w))
		p50, p99 = append(p50, us(s.P50)), append(p99, us(s.P99))
		rate = append(rate, s.units(w)/s.Elapsed.Seconds())
		busy = append(busy, s.Usage.CPU.Seconds()/s.Elapsed.Seconds())
		user, system = user+s.Usage.User, system+s.Usage.System
	}
	if r.failures > 0 {
		for i := range r.all {
			r.all[i] = figures.None
		}
	}
	r.cpu = figures.Of(r.all)
	r.user = r.cpu.Median * float64(user) / float64(max(1, user+system))
	r.p50, r.p99 = figures.Of(p50).Median, figures.Of(p99).Median
	r.rate, r.busy = figures.Of(rate).Median, figures.Of(busy).Median
	return r
}

func find(rows []row, name string) *row {
	for i := range rows {
		if rows[i].contender.name == name {
			return &rows[i]
		}
	}
	return nil
}

// candidate is marathon-lb with the engine that matters; nil if there is none.
func (b *bench) candidate() *contender {
	if len(b.contenders) > 0 && b.contenders[0].ours {
		return b.contenders[0]
	}
	return nil
}

var errUnsound = errors.New("not all of it is a result")

// verdict is an error if something is unsound.
func (b *bench) verdict() error {
	if why := b.unsound(); len(why) > 0 {
		return errors.Join(append([]error{errUnsound}, why...)...)
	}
	return nil
}

// unsound says which rows failed, and where the machine was too noisy.
func (b *bench) unsound() []error {
	var why []error
	for _, w := range b.ran() {
		rows := b.rows(w)
		for _, r := range rows {
			if r.failures > 0 {
				why = append(why, fmt.Errorf("%s, %s: %d failures, the first: %s", w.title, r.contender.name, r.failures, r.failure))
			}
		}
		if tuned := find(rows, tunedName); tuned != nil && figures.Width(tuned.all) > noisy {
			why = append(why, fmt.Errorf("%s: the middle half of HAProxy's own rounds is %.0f %% apart: the machine was busy with something else",
				w.title, 100*figures.Width(tuned.all)))
		}
	}
	return why
}

// ran are the workloads that were run.
func (b *bench) ran() []workload {
	var all []workload
	for _, w := range workloads {
		if b.o.wants(w.key) {
			all = append(all, w)
		}
	}
	return all
}
