//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"

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
		if tuned := find(rows, tunedName); tuned != nil && tuned.cpu.Width() > noisy {
			why = append(why, fmt.Errorf("%s: HAProxy's own rounds are %.0f %% apart: the machine was busy with something else",
				w.title, 100*tuned.cpu.Width()))
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

// tables prints everything for the terminal.
func (b *bench) tables(out io.Writer) {
	for _, w := range b.ran() {
		fmt.Fprintf(out, "\n%s\n", w.title)
		grid(out, head, b.lines(w))
	}
	if b.o.wants(extraIdle) || b.o.wants(extraCost) {
		fmt.Fprintln(out)
		grid(out, extrasHead, b.extraLines())
	}
	if c := b.candidate(); c != nil && len(b.ran()) > 0 {
		fmt.Fprintf(out, "\n%s against each of the others: processor time, median of the rounds' ratios\n", c.name)
		grid(out, b.againstHead(), b.againstLines())
	}
	for _, m := range b.missing {
		fmt.Fprintln(out, "missing:", m)
	}
	fmt.Fprintf(out, "took %v\n", time.Since(b.begun).Round(time.Second))
}

func grid(out io.Writer, head []string, lines [][]string) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  "+strings.Join(head, "\t"))
	for _, l := range lines {
		fmt.Fprintln(t, "  "+strings.Join(l, "\t"))
	}
	t.Flush()
}

var head = []string{"", "CPU", "low - high", "vs HAProxy tuned", "low - high", "user", "p50", "p99", "req/s", "core busy", "failures"}

// lines are the rows of a workload as text.
func (b *bench) lines(w workload) [][]string {
	var lines [][]string
	for _, r := range b.rows(w) {
		if r.failures > 0 {
			lines = append(lines, []string{r.contender.name, "void", "", "", "", "", "", "", "", "", fmt.Sprint(r.failures)})
			continue
		}
		p50, p99 := micros(r.p50), micros(r.p99)
		if w.bytes > 0 { // too few of them end within a window
			p50, p99 = "-", "-"
		}
		lines = append(lines, []string{
			r.contender.name, micros(r.cpu.Median), micros(r.cpu.Low) + " - " + micros(r.cpu.High), b.judged(w, r), between(r.ratio),
			micros(r.user), p50, p99, perSecond(r.rate), fmt.Sprintf("%.0f %%", 100*r.busy), "0",
		})
	}
	return lines
}

// judged is the ratio, and for the candidate whether it is within its limit.
func (b *bench) judged(w workload, r row) string {
	text := number(r.ratio.Median)
	switch {
	case w.limit == 0 || r.contender.short != b.o.engines[0] || r.ratio.N == 0:
		return text
	case r.ratio.Median <= w.limit:
		return fmt.Sprintf("%s (within %.2f)", text, w.limit)
	default:
		return fmt.Sprintf("%s (MORE than %.2f)", text, w.limit)
	}
}

var extrasHead = []string{"", "KB per idle connection", "system calls per request", "which", "allocations per request"}

func (b *bench) extraLines() [][]string {
	var lines [][]string
	for _, c := range b.contenders {
		x := b.extrasOf(c)
		lines = append(lines, []string{c.name, figure(x.idleKB, x.idleNote), figure(x.syscalls, x.syscallsNote), x.calls,
			figure(x.allocations, x.allocationsNote)})
	}
	return lines
}

func (b *bench) againstHead() []string {
	head := []string{""}
	for _, c := range b.contenders {
		if c != b.candidate() {
			head = append(head, c.name)
		}
	}
	return head
}

// againstLines compare the candidate with each of the others, workload by workload.
func (b *bench) againstLines() [][]string {
	var lines [][]string
	for _, w := range b.ran() {
		rows, line := b.rows(w), []string{w.title}
		ours := find(rows, b.candidate().name)
		for _, name := range b.againstHead()[1:] {
			text := "-"
			if other := find(rows, name); other != nil {
				if s := figures.Paired(ours.all, other.all); s.N > 0 {
					text = fmt.Sprintf("%s (%s)", number(s.Median), between(s))
				}
			}
			line = append(line, text)
		}
		lines = append(lines, line)
	}
	return lines
}

// micros is a time in a unit that suits it.
func micros(us float64) string {
	switch {
	case math.IsNaN(us):
		return "-"
	case us >= 10000:
		return fmt.Sprintf("%.1f ms", us/1000)
	case us >= 100:
		return fmt.Sprintf("%.0f us", us)
	}
	return fmt.Sprintf("%.1f us", us)
}

func us(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

func perSecond(n float64) string {
	if n >= 1000 {
		return fmt.Sprintf("%.0f", n)
	}
	return fmt.Sprintf("%.1f", n)
}

func number(n float64) string {
	if math.IsNaN(n) {
		return "-"
	}
	return fmt.Sprintf("%.2f", n)
}

func between(s figures.Spread) string {
	if s.N == 0 {
		return "-"
	}
	return number(s.Low) + " - " + number(s.High)
}

// figure is a figure, or why there is none.
func figure(n float64, note string) string {
	if math.IsNaN(n) && note != "" {
		return "- (" + note + ")"
	}
	return number(n)
}
