package meter

import "sync/atomic"

// Rate counts events over a sliding second, as HAProxy's frequency counters do: the events of this second plus the share of
// the last second that the window still covers. The zero value is ready.
type Rate struct {
	this, last atomic.Uint64 // second << 32 | events in it
	peak       atomic.Int64
}

const second = int64(1e9)

// Add counts one event at now (nanoseconds since the Unix epoch, or of any clock that does not go back).
func (r *Rate) Add(now int64) {
	sec := uint64(now/second) << 32
	for {
		cur := r.this.Load()
		if cur>>32 == sec>>32 || cur>>32 == sec>>32+1 { // or others were faster into the next second
			r.this.Add(1)
			break
		}
		if r.this.CompareAndSwap(cur, sec|1) {
			r.last.Store(cur)
			break
		}
	}
	raise(&r.peak, r.PerSecond(now))
}

// PerSecond is the rate at now, in events per second.
func (r *Rate) PerSecond(now int64) int64 {
	sec := uint64(now/second) & 0xffffffff
	this, last := r.this.Load(), r.last.Load()
	if this>>32 != sec { // nothing came yet in this second
		this, last = 0, this
	}
	n := int64(this & 0xffffffff)
	if last>>32 == sec-1 {
		left := second - now%second
		n += int64(last&0xffffffff) * left / second
	}
	return n
}

// Peak is the highest rate seen at any event since the start, in events per second.
func (r *Rate) Peak() int64 { return r.peak.Load() }

// averageWindow is how many samples an Average looks back, HAProxy's TIME_STATS_SAMPLES.
const averageWindow = 1024

// Average is a moving average over the last 1024 samples, with the largest sample ever. The zero value is ready.
type Average struct {
	packed atomic.Uint64 // sum << 11 | samples (at most averageWindow)
	peak   atomic.Int64
}

// Add takes in one sample (negative ones count as 0).
func (a *Average) Add(v int64) {
	v = max(v, 0)
	for {
		old := a.packed.Load()
		sum, n := old>>11, old&0x7ff
		if n == averageWindow {
			sum -= sum / averageWindow
		} else {
			n++
		}
		if a.packed.CompareAndSwap(old, (sum+uint64(v))<<11|n) {
			break
		}
	}
	raise(&a.peak, v)
}

// Value is the average in the samples' own unit, 0 before the first.
func (a *Average) Value() int64 {
	p := a.packed.Load()
	if p&0x7ff == 0 {
		return 0
	}
	return int64(p >> 11 / (p & 0x7ff))
}

// Peak is the largest sample since the start.
func (a *Average) Peak() int64 { return a.peak.Load() }
