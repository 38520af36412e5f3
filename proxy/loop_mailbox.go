//go:build linux && (amd64 || arm64)

package proxy

import "sync"

// mailbox is how other goroutines reach a loop: they leave a letter and ring. It can be used from the start; what comes when the loop has
// ended is dropped.
type mailbox struct {
	mu     sync.Mutex
	unread []func()
	ring   int32
	opened bool
	closed bool
}

// post has the loop call f soon; false if it has ended.
func (m *mailbox) post(f func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	m.unread = append(m.unread, f)
	if m.opened && len(m.unread) == 1 {
		sysRing(m.ring)
	}
	return true
}

// do has the loop call f and waits until it has, or has ended.
func (m *mailbox) do(f func()) {
	done := make(chan struct{})
	if m.post(func() { f(); close(done) }) {
		<-done
	}
}

func (m *mailbox) open(ring int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ring, m.opened = ring, true
	if len(m.unread) > 0 {
		sysRing(ring)
	}
}

// letters does what the letters ask, in their order.
func (m *mailbox) letters() {
	m.mu.Lock()
	all := m.unread
	m.unread = nil
	m.mu.Unlock()
	for _, f := range all {
		f()
	}
}

// close has no more letters come in, and does what the last ones ask.
func (m *mailbox) close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.letters()
}
