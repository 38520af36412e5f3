package proxy

import (
	"net/netip"
	"time"

	"marathon-lb/internal/route"
)

// attempts chooses servers for one request or TCP connection, try after try. Only failed connects lead to another try, so any
// method may be tried again (HAProxy's "retries 3" and "option redispatch").
type attempts struct {
	backend *route.Backend
	source  netip.Addr
	cookie  string // of a sticky client, empty for none
	retries int
	tried   []*route.Server // since the last pause
	buffer  [4]*route.Server
}

const (
	mostRetries = 3
	retryPause  = time.Second // before a server is tried a second time
)

// try is one choice.
type try struct {
	server *route.Server
	pause  time.Duration // to wait before connecting
	sticky bool          // the cookie chose it
}

func newAttempts(b *route.Backend, r *Request) *attempts {
	a := &attempts{backend: b, source: r.Source.Addr()}
	a.tried = a.buffer[:0]
	if b.Spec.Sticky != "" {
		a.cookie = r.cookie(b.Spec.Sticky)
	}
	return a
}

// first is the first choice; false if no server is usable.
func (a *attempts) first() (try, bool) {
	if a.cookie != "" {
		if s := a.backend.BySticky(a.cookie); s != nil {
			return a.choose(try{server: s, sticky: true})
		}
	}
	return a.choose(try{server: a.backend.Pick(a.source, nil)})
}

// again is the choice after a connect that failed; false when enough was tried. A server not yet tried comes at once.
func (a *attempts) again() (try, bool) {
	if a.retries >= mostRetries {
		return try{}, false
	}
	a.retries++
	if s := a.backend.Pick(a.source, a.tried); s != nil {
		return a.choose(try{server: s})
	}
	a.tried = a.tried[:0]
	return a.choose(try{server: a.backend.Pick(a.source, nil), pause: retryPause})
}

func (a *attempts) choose(t try) (try, bool) {
	if t.server == nil {
		return try{}, false
	}
	a.tried = append(a.tried, t.server)
	return t, true
}
