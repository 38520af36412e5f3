// Package figures has the few statistics the bench needs.
package figures

import (
	"math"
	"slices"
)

// None stands for a figure that is missing.
var None = math.NaN()

// Spread is the middle of several figures, with the least and the greatest.
type Spread struct {
	Median, Low, High float64
	N                 int
}

// Of makes the spread of those figures that are there. All of it is None if there are none.
func Of(all []float64) Spread {
	there := slices.DeleteFunc(slices.Clone(all), math.IsNaN)
	n := len(there)
	if n == 0 {
		return Spread{None, None, None, 0}
	}
	slices.Sort(there)
	return Spread{(there[(n-1)/2] + there[n/2]) / 2, there[0], there[n-1], n}
}

// Paired is the spread of the ratios between figures taken in the same round, which have most of the machine's noise in common. A
// round in which either is missing does not count.
func Paired(figures, references []float64) Spread {
	var ratios []float64
	for i := range min(len(figures), len(references)) {
		if references[i] > 0 {
			ratios = append(ratios, figures[i]/references[i])
		}
	}
	return Of(ratios)
}

// Width is how far apart the middle half of figures is, as a share of their median: one of many that is far off says little.
func Width(all []float64) float64 {
	there := slices.Sorted(slices.Values(slices.DeleteFunc(slices.Clone(all), math.IsNaN)))
	n := len(there)
	if n == 0 {
		return None
	}
	return (there[n-1-n/4] - there[n/4]) / Of(there).Median
}
