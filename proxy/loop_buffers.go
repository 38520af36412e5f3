//go:build linux && (amd64 || arm64)

package proxy

// The loop's own buffer, into which everything is read that does not begin a request. In front of it is room for a head to be put before
// the body, behind it for the end of a chunk, so that all leaves in one piece.
const (
	bufferRoom  = 8 << 10
	bufferSize  = 68 << 10 // more than the largest head of a response
	bufferSlack = 16
)

// sizes are those of the buffers that are kept for use again, kept is how many of each. The first two are no powers of two: the beginnings of
// such buffers, which are all that most heads use, would all fall on the same few lines of the processor's cache.
var (
	sizes = [...]int{1<<10 + 768, 4<<10 + 768, 16 << 10, largeHead, 80 << 10}
	kept  = [...]int{2048, 512, 128, 64, 32}
	least = [...]int{128, 32, 16, 4, 4} // that are kept even if nobody takes them
)

// largeHead has room for the largest head of a request.
const largeHead = mostHead + 4<<10

// get is an empty buffer with room for n bytes.
func (l *loop) get(n int) []byte {
	for i, size := range sizes {
		if n > size {
			continue
		}
		if last := len(l.buffers[i]) - 1; last >= 0 {
			b := l.buffers[i][last]
			l.buffers[i] = l.buffers[i][:last]
			return b
		}
		return make([]byte, 0, size)
	}
	return make([]byte, 0, n)
}

// put takes a buffer back.
func (l *loop) put(b []byte) {
	for i, size := range sizes {
		if cap(b) == size && len(l.buffers[i]) < kept[i] {
			l.buffers[i] = append(l.buffers[i], b[:0])
			return
		}
	}
}

// trim lets go of a part of what is kept for use again, so that little of it is left some seconds after a flood.
func (l *loop) trim() {
	for i, b := range l.buffers {
		l.buffers[i] = shortened(b, least[i])
	}
	l.trips = shortened(l.trips, leastTrips)
}

// leastTrips are kept even if nobody takes them.
const leastTrips = 128

// shortened is a list without a quarter of what it has too many.
func shortened[T any](list []T, least int) []T {
	n := len(list) - (max(0, len(list)-least)+3)/4
	clear(list[n:])
	return list[:n]
}
