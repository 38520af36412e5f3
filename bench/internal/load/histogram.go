package load

import (
	"math/bits"
	"time"
)

// histogram counts durations in buckets that are 1/32 of their value wide at most.
type histogram struct {
	count [64 * 32]uint32
	all   int64
}

func (h *histogram) add(d time.Duration) {
	h.count[bucket(max(uint64(d), 0))]++
	h.all++
}

func bucket(n uint64) int {
	if n < 64 {
		return int(n)
	}
	shift := bits.Len64(n) - 6
	return shift*32 + int(n>>shift)
}

// quantile is the middle of the bucket in which the share q of all is reached.
func (h *histogram) quantile(q float64) time.Duration {
	seen, want := int64(0), int64(q*float64(h.all))
	for i, n := range h.count {
		if seen += int64(n); n > 0 && seen > want {
			if i < 64 {
				return time.Duration(i)
			}
			shift := i/32 - 1
			low := uint64(i%32+32) << shift
			return time.Duration(low + uint64(1)<<shift/2)
		}
	}
	return 0
}
