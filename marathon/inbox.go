package marathon

import (
	"sync"
	"time"
)

// inbox is the queue between the stream, which must never wait, and the watcher. What does not fit is dropped, and remembered as lost.
type inbox struct {
	frames chan frame
	wake   chan struct{} // something below changed

	mu     sync.Mutex
	bytes  int // in frames
	lost   bool
	stream StreamStatus
}

type frame struct {
	stream uint64 // number of the stream it came on
	data   []byte
	at     time.Time
}

// StreamStatus is how the event stream fares.
type StreamStatus struct {
	Connected bool
	Peer      Peer
	Since     time.Time // when Connected last changed, or of the first failure if it never was
	LastEvent time.Time // zero before the first
	Streams   uint64    // how many were accepted so far; one less than that are reconnects
	Overflows uint64    // events dropped because the watcher did not keep up
	Err       error     // why the last one ended
	Failures  uint64    // attempts and streams that ended
}

// Bounds of the queue. Marathon itself keeps 1024 events for a slow reader.
const (
	mostFrames = 4096
	mostBytes  = 64 << 20
)

func newInbox() *inbox {
	return &inbox{frames: make(chan frame, mostFrames), wake: make(chan struct{}, 1)}
}

// Connected, Event and Ended make it a StreamHandler.
func (b *inbox) Connected(p Peer) {
	b.note(func() {
		b.stream.Connected, b.stream.Peer, b.stream.Since, b.stream.Err = true, p, time.Now(), nil
		b.stream.Streams++
	})
}

func (b *inbox) Event(data []byte) {
	b.mu.Lock()
	f := frame{stream: b.stream.Streams, data: data, at: time.Now()}
	b.stream.LastEvent = f.at
	fits := b.bytes+len(data) <= mostBytes
	if fits {
		select {
		case b.frames <- f:
			b.bytes += len(data)
		default:
			fits = false
		}
	}
	b.mu.Unlock()
	if !fits {
		b.note(func() { b.lost, b.stream.Overflows = true, b.stream.Overflows+1 })
	}
}

func (b *inbox) Ended(err error) {
	b.note(func() {
		if b.stream.Connected || b.stream.Since.IsZero() { // an attempt that fails only prolongs an outage
			b.stream.Since = time.Now()
		}
		b.stream.Connected, b.stream.Err = false, err
		b.stream.Failures++
	})
}

func (b *inbox) note(write func()) {
	b.mu.Lock()
	write()
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// taken must be told of each frame taken out.
func (b *inbox) taken(f frame) {
	b.mu.Lock()
	b.bytes -= len(f.data)
	b.mu.Unlock()
}

func (b *inbox) status() StreamStatus {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stream
}

// overflowed says, once, that events were lost.
func (b *inbox) overflowed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	lost := b.lost
	b.lost = false
	return lost
}
