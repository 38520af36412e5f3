//go:build linux

package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"marathon-lb/bench/internal/figures"
)

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
	if c := b.candidate(); c != nil && len(b.ran()) > 0 && len(b.contenders) > 1 {
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
	return strings.Replace(fmt.Sprintf("%.2f", n), "-0.00", "0.00", 1)
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
