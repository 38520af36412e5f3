// Package plot draws bar charts as SVG.
package plot

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// Bar is a figure and, unless both are 0, the least and the greatest that it is the median of.
type Bar struct {
	Label     string
	Value     float64 // not a number for none: then Note says why
	Low, High float64
	Note      string
	Ours      bool // in the colour that stands out
}

// Panel is a group of bars on a scale of its own.
type Panel struct {
	Title string
	Bars  []Bar
}

// Chart is panels one below the other, in one or two columns.
type Chart struct {
	Title, Subtitle string
	Format          func(float64) string // of a bar's figure
	Columns         int
	Panels          []Panel
}

// Measures, in pixels.
const (
	column   = 520
	margin   = 20
	label    = 150 // left of the bars
	figure   = 110 // right of the longest
	row      = 22
	bar      = 14
	header   = 64
	panelTop = 30 // for its title
	panelGap = 18
)

// SVG draws the chart.
func (c Chart) SVG() []byte {
	columns := max(1, c.Columns)
	var body strings.Builder
	y, bottom := header, header
	for i, p := range c.Panels {
		if i%columns == 0 {
			y = bottom
		}
		c.panel(&body, p, margin+i%columns*column, y)
		bottom = max(bottom, y+panelTop+len(p.Bars)*row+panelGap)
	}
	width := 2*margin + columns*column
	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-label="%s" `+
		`font-family="system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif" font-size="12" fill="#24292f">`+"\n",
		width, bottom, width, bottom, html.EscapeString(c.Title))
	fmt.Fprintf(&out, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, bottom)
	text(&out, margin, 28, `font-size="17" font-weight="600"`, c.Title)
	text(&out, margin, 48, `fill="#57606a"`, c.Subtitle)
	out.WriteString(body.String())
	out.WriteString("</svg>\n")
	return []byte(out.String())
}

func (c Chart) panel(out *strings.Builder, p Panel, x, y int) {
	text(out, x, y+18, `font-size="13" font-weight="600"`, p.Title)
	longest := 0.0
	for _, b := range p.Bars {
		longest = max(longest, number(b.Value), number(b.High))
	}
	if longest == 0 {
		longest = 1
	}
	scale := float64(column-label-figure-margin) / longest
	left := x + label
	for i, b := range p.Bars {
		top := y + panelTop + i*row
		middle := top + bar/2
		text(out, left-8, middle+4, `text-anchor="end"`, b.Label)
		if math.IsNaN(b.Value) {
			text(out, left+4, middle+4, `fill="#57606a" font-style="italic"`, b.Note)
			continue
		}
		colour := "#afb8c1"
		if b.Ours {
			colour = "#0969da"
		}
		fmt.Fprintf(out, `<rect x="%d" y="%d" width="%s" height="%d" rx="2" fill="%s"/>`+"\n", left, top, px(b.Value*scale), bar, colour)
		end := b.Value
		if b.High > b.Low {
			whisker(out, float64(left)+b.Low*scale, float64(left)+b.High*scale, middle)
			end = b.High
		}
		text(out, left+int(end*scale)+6, middle+4, "", strings.TrimSpace(c.Format(b.Value)+" "+b.Note))
	}
	fmt.Fprintf(out, `<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="#57606a"/>`+"\n", left, y+panelTop-4, left, y+panelTop+len(p.Bars)*row-4)
}

// whisker marks the least and the greatest.
func whisker(out *strings.Builder, low, high float64, y int) {
	fmt.Fprintf(out, `<path d="M%s %dH%sM%s %dv6M%s %dv6" stroke="#24292f" fill="none"/>`+"\n",
		px(low), y, px(high), px(low), y-3, px(high), y-3)
}

func text(out *strings.Builder, x, y int, attributes, s string) {
	fmt.Fprintf(out, `<text x="%d" y="%d" %s>%s</text>`+"\n", x, y, attributes, html.EscapeString(s))
}

func px(n float64) string { return strconv.FormatFloat(n, 'f', 1, 64) }

func number(n float64) float64 {
	if math.IsNaN(n) {
		return 0
	}
	return n
}
