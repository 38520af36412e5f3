package meter_test

import (
	"sync"
	"testing"

	"marathon-lb/internal/meter"
)

func TestSheetSumsWhatEveryWriterCounted(t *testing.T) {
	const writers, each = 4, 10000
	s := meter.NewSheet(writers, 3)
	var wg sync.WaitGroup
	for w := range writers + 1 { // one writer more than the sheet has blocks
		wg.Go(func() {
			for range each {
				s.Add(w, 2, 1)
			}
		})
	}
	wg.Wait()
	if got, want := s.Sum(2), uint64((writers+1)*each); got != want {
		t.Errorf("Sum(2) = %d, want %d", got, want)
	}
	if got := s.Sum(0); got != 0 {
		t.Errorf("Sum(0) = %d, want 0: a neighbour's count leaked", got)
	}
}

func TestGaugeRemembersItsPeak(t *testing.T) {
	var g meter.Gauge
	g.Inc()
	g.Inc()
	g.Dec()
	if g.Load() != 1 || g.Peak() != 2 {
		t.Errorf("level %d peak %d, want 1 and 2", g.Load(), g.Peak())
	}
}

func TestRateSlidesOverTheSecond(t *testing.T) {
	const s = int64(1e9)
	var r meter.Rate
	for i := range int64(100) {
		r.Add(1000*s + i*s/100)
	}
	for _, c := range []struct {
		at   int64
		want int64
	}{
		{1000*s + s - 1, 100},
		{1001 * s, 100},     // the whole last second is still in the window
		{1001*s + s/2, 50},  // half of it
		{1001*s + s - 1, 0}, // none
		{1003 * s, 0},
	} {
		if got := r.PerSecond(c.at); got != c.want {
			t.Errorf("rate at %d ms = %d, want %d", (c.at-1000*s)/1e6, got, c.want)
		}
	}
	if r.Peak() != 100 {
		t.Errorf("peak %d, want 100", r.Peak())
	}
}

func TestAnEventThatIsCountedLateDoesNotUndoTheSecond(t *testing.T) {
	const s = int64(1e9)
	var r meter.Rate
	for range 100 {
		r.Add(1000 * s)
	}
	for range 50 {
		r.Add(1001 * s)
	}
	r.Add(1001*s - 1) // its writer was overtaken
	if got := r.PerSecond(1001 * s); got != 151 {
		t.Errorf("rate %d, want 151", got)
	}
	r.Add(1001 * s)
	if got := r.PerSecond(1001 * s); got != 152 {
		t.Errorf("rate %d, want 152", got)
	}
	r.Add(500 * s) // the clock was set back
	if got := r.PerSecond(500 * s); got != 1 {
		t.Errorf("rate %d, want 1", got)
	}
}

func TestAverageForgetsOldSamples(t *testing.T) {
	var a meter.Average
	if a.Value() != 0 {
		t.Error("an average without samples is not 0")
	}
	a.Add(10)
	a.Add(20)
	if a.Value() != 15 || a.Peak() != 20 {
		t.Errorf("value %d peak %d, want 15 and 20", a.Value(), a.Peak())
	}
	for range 20000 {
		a.Add(100)
	}
	if v := a.Value(); v < 99 || v > 100 {
		t.Errorf("after 20000 samples of 100 the average is %d", v)
	}
}
