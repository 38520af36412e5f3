//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"marathon-lb/bench/internal/figures"
	"marathon-lb/bench/internal/plot"
)

// page writes the results as Markdown, and beside it the pictures: benchmarks.md has benchmarks-cpu.svg and so on.
func (b *bench) page(name string) error {
	stem := strings.TrimSuffix(name, filepath.Ext(name))
	var pictures bytes.Buffer
	for _, p := range []struct {
		name  string
		wants bool
		chart plot.Chart
	}{
		{"cpu", len(b.ran()) > 0, b.cpuChart()},
		{"latency", b.o.wants("rate"), b.latencyChart()},
		{"memory", b.o.wants(extraIdle), b.memoryChart()},
	} {
		if !p.wants {
			continue
		}
		file := stem + "-" + p.name + ".svg"
		if err := os.WriteFile(file, p.chart.SVG(), 0o644); err != nil {
			return fmt.Errorf("picture: %w", err)
		}
		fmt.Fprintf(&pictures, "![%s](%s)\n\n", p.chart.Title, filepath.Base(file))
	}
	var out bytes.Buffer
	b.intro(&out)
	out.Write(pictures.Bytes())
	b.markdown(&out)
	if err := os.WriteFile(name, append(bytes.TrimRight(out.Bytes(), "\n"), '\n'), 0o644); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	fmt.Println("wrote", name)
	return nil
}

const method = `Generator and backend run on one core, the proxy under test on another, alone, with one thread. Contenders take turns, workload by
workload and round by round. *CPU* is what all threads of the proxy used (` + "`/proc/PID/task/*/schedstat`" + `) divided by the requests that
were answered; the kernel's network stack is in it, for all alike. The column *vs HAProxy tuned* is the median of the ratios of
figures taken in the same round, which takes most of the machine's noise out; less is better. *User* is the part of CPU outside the
kernel. Latency counts from the instant a request should have begun; in closed loops, where the next request waits for the last
answer, it is the queue of 64 clients. A core less than 90 % busy in a closed loop waited for the generator: take its capacity from
CPU. A row with any failed request is void.

Requests are a browser's, with twelve fields and about 700 bytes. *HAProxy, tuned* keeps connections to servers; *Marathon-LB's
defaults* open one for each request, close idle clients after a second and write a log. marathon-lb is as a user starts it, all
features on, its apps read from Marathon.

System calls and allocations are the difference between a long and a short run, so that opening connections does not count.
`

// intro says what was measured, where and when.
func (b *bench) intro(out *bytes.Buffer) {
	fmt.Fprintf(out, "# Benchmarks\n\nWritten by `make bench` (`go run ./bench`) on %s, in %v. What it means is only as good as the machine was quiet: run it on\nyours.\n\n",
		b.begun.UTC().Format("2 January 2006 15:04 UTC"), time.Since(b.begun).Round(time.Second))
	facts := [][]string{
		{"machine", fmt.Sprintf("%s, %d cores used of %d, %s, Linux %s", cpuModel(), min(2, len(b.cores)), len(b.cores), runtime.GOARCH, kernel())},
		{"marathon-lb", b.version + ", " + runtime.Version()},
	}
	for _, tool := range []string{"haproxy", "nginx"} {
		if b.tools[tool] != "" {
			facts = append(facts, []string{tool, version(b.tools[tool])})
		}
	}
	if len(b.ran()) > 0 {
		facts = append(facts, []string{"rounds", fmt.Sprintf("%d, each window %v after %v of warming up",
			b.schedule.rounds, b.schedule.window.Round(time.Millisecond), b.schedule.warm.Round(time.Millisecond))})
	}
	for _, m := range b.missing {
		facts = append(facts, []string{"missing", m})
	}
	table(out, []string{"", ""}, facts)
	for _, e := range b.unsound() {
		fmt.Fprintf(out, "**Not a result:** %v.\n\n", e)
	}
}

// markdown is all tables.
func (b *bench) markdown(out *bytes.Buffer) {
	if b.candidate() != nil && len(b.ran()) > 0 && len(b.contenders) > 1 {
		fmt.Fprintf(out, "## %s against each of the others\n\nCPU per request, median of the rounds' ratios (least - greatest); below 1, marathon-lb needs less.\n\n", b.candidate().name)
		table(out, b.againstHead(), b.againstLines())
	}
	if len(b.ran()) > 0 {
		out.WriteString("## Workloads\n\n")
	}
	for _, w := range b.ran() {
		fmt.Fprintf(out, "### %s\n\n", w.title)
		table(out, head, b.lines(w))
	}
	if b.o.wants(extraIdle) || b.o.wants(extraCost) {
		out.WriteString("## Memory, system calls, allocations\n\nOf keep-alive connections and requests of 128 B; measured once.\n\n")
		table(out, extrasHead, b.extraLines())
	}
	fmt.Fprintf(out, "## Method\n\n%s", method)
}

func table(out *bytes.Buffer, head []string, lines [][]string) {
	row := func(cells []string) { fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | ")) }
	row(head)
	row(strings.Split(strings.Repeat("---,", len(head)-1)+"---", ","))
	for _, l := range lines {
		row(l)
	}
	out.WriteString("\n")
}

func (b *bench) cpuChart() plot.Chart {
	chart := plot.Chart{Title: "CPU time per request", Subtitle: "Shorter is better. Lines: least and greatest of the rounds.", Format: micros, Columns: 2}
	for _, w := range b.ran() {
		p := plot.Panel{Title: w.title}
		rows := b.rows(w)
		for _, c := range b.contenders {
			bar := plot.Bar{Label: label(c), Ours: c.ours, Value: figures.None, Note: "has no TCP mode here"}
			if r := find(rows, c.name); r != nil {
				bar.Value, bar.Low, bar.High, bar.Note = r.cpu.Median, r.cpu.Low, r.cpu.High, ""
				if r.failures > 0 {
					bar.Note = "failed"
				} else if r.ratio.N > 0 {
					bar.Note = fmt.Sprintf("(%.2f)", r.ratio.Median)
				}
			}
			p.Bars = append(p.Bars, bar)
		}
		chart.Panels = append(chart.Panels, p)
	}
	if len(b.tools["haproxy"]) > 0 {
		chart.Subtitle += " In brackets: ratio to HAProxy, tuned, in the same round."
	}
	return chart
}

func (b *bench) latencyChart() plot.Chart {
	chart := plot.Chart{Title: "Latency at 10,000 requests a second", Subtitle: "From the instant a request should have begun. Shorter is better.",
		Format: micros, Columns: 2}
	for _, w := range b.ran() {
		if w.key != "rate" {
			continue
		}
		half, most := plot.Panel{Title: "half of all requests within (p50)"}, plot.Panel{Title: "99 of 100 within (p99)"}
		for _, r := range b.rows(w) {
			bar := plot.Bar{Label: label(r.contender), Ours: r.contender.ours}
			p50, p99 := bar, bar
			p50.Value, p99.Value = r.p50, r.p99
			half.Bars, most.Bars = append(half.Bars, p50), append(most.Bars, p99)
		}
		chart.Panels = []plot.Panel{half, most}
	}
	return chart
}

func (b *bench) memoryChart() plot.Chart {
	p := plot.Panel{Title: "KB per idle keep-alive connection"}
	for _, c := range b.contenders {
		x := b.extrasOf(c)
		p.Bars = append(p.Bars, plot.Bar{Label: label(c), Ours: c.ours, Value: x.idleKB, Note: x.idleNote})
	}
	return plot.Chart{Title: "Memory of idle connections", Subtitle: "Shorter is better.", Format: number, Panels: []plot.Panel{p}}
}

// label is a name short enough for a picture.
func label(c *contender) string {
	if c.name == defaultsName {
		return "Marathon-LB's HAProxy"
	}
	return c.name
}

// version is what a program says it is, without the link to its site.
func version(program string) string {
	text, err := exec.CommandContext(context.Background(), program, "-v").CombinedOutput()
	if err != nil {
		return err.Error()
	}
	line, _, _ := strings.Cut(string(text), "\n")
	line, _, _ = strings.Cut(line, " - http")
	return line
}

func cpuModel() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	_, after, _ := strings.Cut(string(text), "model name")
	model, _, _ := strings.Cut(after, "\n")
	if model = strings.Trim(model, "\t :"); model == "" {
		return "unknown processor"
	}
	return model
}

func kernel() string {
	text, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return strings.TrimSpace(string(text))
}
