package plot_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"testing"

	"marathon-lb/bench/internal/plot"
)

// element is what the tests look at.
type element struct {
	name  string
	at    map[string]string
	words string
}

// draw draws and reads back, which fails if it is no XML.
func draw(t *testing.T, c plot.Chart) []element {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(c.SVG()))
	var all []element
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := element{name: token.Name.Local, at: map[string]string{}}
			for _, a := range token.Attr {
				e.at[a.Name.Local] = a.Value
			}
			all = append(all, e)
		case xml.CharData:
			if len(all) > 0 {
				all[len(all)-1].words += string(bytes.TrimSpace(token))
			}
		}
	}
}

func chart(bars ...plot.Bar) plot.Chart {
	return plot.Chart{
		Title: "Costs & <benefits>", Subtitle: "of it", Format: func(n float64) string { return fmt.Sprintf("%.1f us", n) },
		Panels: []plot.Panel{{Title: "one", Bars: bars}},
	}
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestBarsAreAsLongAsTheirFigures(t *testing.T) {
	var widths []float64
	for _, e := range draw(t, chart(plot.Bar{Label: "a", Value: 10, Ours: true}, plot.Bar{Label: "b", Value: 40})) {
		if e.name == "rect" && e.at["rx"] != "" {
			widths = append(widths, number(t, e.at["width"]))
		}
	}
	if len(widths) != 2 || math.Abs(widths[1]/widths[0]-4) > 0.01 {
		t.Errorf("widths %v, want the second four times the first", widths)
	}
}

func TestAFigureThatIsMissingSaysWhy(t *testing.T) {
	words := map[string]bool{}
	bars := 0
	for _, e := range draw(t, chart(plot.Bar{Label: "a", Value: 1.5}, plot.Bar{Label: "b <c>", Value: math.NaN(), Low: math.NaN(), High: math.NaN(), Note: "not installed"})) {
		words[e.words] = true
		if e.name == "rect" && e.at["rx"] != "" && number(t, e.at["width"]) > 100 {
			bars++
		}
	}
	for _, w := range []string{"Costs & <benefits>", "1.5 us", "b <c>", "not installed"} {
		if !words[w] {
			t.Errorf("%q is not in the picture", w)
		}
	}
	if bars != 1 {
		t.Errorf("%d bars, want 1", bars)
	}
}

func TestNothingLeavesThePicture(t *testing.T) {
	c := chart(plot.Bar{Label: "a", Value: 10, Low: 8, High: 30}, plot.Bar{Label: "b", Value: 12})
	c.Panels = append(c.Panels, c.Panels[0], c.Panels[0])
	c.Columns = 2
	all := draw(t, c)
	width, height := number(t, all[0].at["width"]), number(t, all[0].at["height"])
	texts := 0
	for _, e := range all {
		if e.name != "text" {
			continue
		}
		texts++
		if x, y := number(t, e.at["x"]), number(t, e.at["y"]); x < 0 || x > width-30 || y < 0 || y > height {
			t.Errorf("%q at %v, %v of %v x %v", e.words, x, y, width, height)
		}
	}
	if texts < 15 {
		t.Errorf("only %d texts", texts)
	}
}
