package figures_test

import (
	"math"
	"testing"

	"marathon-lb/bench/internal/figures"
)

func TestTheMedianIsTheMiddleWhateverTheOrder(t *testing.T) {
	for _, c := range []struct {
		all  []float64
		want figures.Spread
	}{
		{[]float64{3}, figures.Spread{Median: 3, Low: 3, High: 3, N: 1}},
		{[]float64{9, 1, 2}, figures.Spread{Median: 2, Low: 1, High: 9, N: 3}},
		{[]float64{4, 1, 2, 9}, figures.Spread{Median: 3, Low: 1, High: 9, N: 4}},
		{[]float64{figures.None, 5, 7, 6}, figures.Spread{Median: 6, Low: 5, High: 7, N: 3}},
	} {
		before := len(c.all)
		if got := figures.Of(c.all); got != c.want || len(c.all) != before {
			t.Errorf("%v: %+v, want %+v", c.all, got, c.want)
		}
	}
}

func TestNoFiguresHaveNoMedian(t *testing.T) {
	for _, all := range [][]float64{nil, {figures.None}} {
		if got := figures.Of(all); !math.IsNaN(got.Median) || !math.IsNaN(got.Low) || got.N != 0 {
			t.Errorf("%v: %+v", all, got)
		}
	}
}

// A slow round slows both: the ratio of the medians would be 1, and every round says 0.5.
func TestRatiosArePairedByRound(t *testing.T) {
	candidate := []float64{10, 100, 20}
	reference := []float64{20, 200, 40}
	if got := figures.Paired(candidate, reference); got != (figures.Spread{Median: 0.5, Low: 0.5, High: 0.5, N: 3}) {
		t.Errorf("%+v", got)
	}
	reference[0] = 10 // one round where they are equal moves the greatest only
	if got := figures.Paired(candidate, reference); got != (figures.Spread{Median: 0.5, Low: 0.5, High: 1, N: 3}) {
		t.Errorf("%+v", got)
	}
}

func TestARoundWithoutBothFiguresDoesNotCount(t *testing.T) {
	got := figures.Paired([]float64{1, figures.None, 3, 4}, []float64{2, 2, figures.None, 0})
	if got != (figures.Spread{Median: 0.5, Low: 0.5, High: 0.5, N: 1}) {
		t.Errorf("%+v", got)
	}
	if got := figures.Paired([]float64{1}, nil); got.N != 0 || !math.IsNaN(got.Median) {
		t.Errorf("nothing to compare with: %+v", got)
	}
}

func TestTheWidthIsThatOfTheMiddleHalfAsAShareOfTheMedian(t *testing.T) {
	for _, c := range []struct {
		all  []float64
		want float64
	}{
		{[]float64{9, 10, 12}, 0.3}, {[]float64{10, 100, 8, 11, 9, 1, 10, 12}, 0.2}, {[]float64{7}, 0}, {[]float64{20, figures.None, 30}, 0.4},
	} {
		if got := figures.Width(c.all); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%v: %v, want %v", c.all, got, c.want)
		}
	}
	if got := figures.Width(nil); !math.IsNaN(got) {
		t.Errorf("of nothing: %v", got)
	}
}
