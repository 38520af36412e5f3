//go:build linux && (amd64 || arm64)

package proxy

import "marathon-lb/internal/h1"

// trip is an exchange on its way through a loop: from the head of the request, or the beginning of a TCP connection, until the response
// has left.
type trip struct {
	exchange
	attempts
	client *conn
	server *conn // nil while there is none
	phase  phase
	next   try     // in a pause: what comes after it
	failed Failure // of the last try, NoServer before the first
	cancel func()  // while a password is checked: gives up
	held   *held   // while there is no server and it waits for one

	head    []byte // the request's, as it came: strings of the exchange are views of it
	out     []byte // the head for the server, and what of the body came with the head
	outSent int
	up      h1.Body
	hasBody bool // of the request
	upGone  bool // the server takes no more of it

	isHead, upgrade, expect, old bool // of the request; old is HTTP/1.0
	keep                         bool // the client's connection may go on
	tunnels                      bool // bytes are passed as they are as soon as a server is connected

	heard    bool // the server has said something
	begun    bool // so did we to the client: it cannot be told of a failure any more
	interims int
	down     h1.Body
	plain    bool // the response's chunks are undone
	wrap     bool // it is made chunks
	reusable bool // the server's connection, afterwards
	done     bool // the response is whole, as far as it concerns us

	upPipe, downPipe *pipe // for a large body; nil while there is none

	moved       bool   // there was progress in this turn
	in, sentOut uint64 // bytes of the client, and to it
}

type phase uint8

const (
	proving phase = iota // a password is checked
	queued               // for the backend to have room
	pausing              // before a server is tried again
	holding              // until there is a server
	connecting
	asking // the request is sent, and the response awaited
	answering
	tunneling
	leaving // the last bytes to the client are on their way
)

func (l *loop) newTrip(c *conn) *trip {
	var t *trip
	if last := len(l.trips) - 1; last >= 0 {
		t, l.trips = l.trips[last], l.trips[:last]
	} else {
		t = new(trip)
	}
	t.client, c.trip = c, t
	t.writer = l.number
	return t
}

// endTrip is the end of the trip: it is counted and logged, and its server left. The client's connection stays, with nothing on it.
func (l *loop) endTrip(t *trip) {
	if t.cancel != nil {
		t.cancel()
	}
	t.leaveQueue()
	t.leaveServer(l)
	t.exchange.finish(t.in, t.sentOut, l.now)
	t.client.trip = nil
	l.put(t.head)
	l.put(t.out)
	l.putPipe(t.upPipe)
	l.putPipe(t.downPipe)
	*t = trip{}
	l.trips = append(l.trips, t)
}

// abandon ends the trip and closes both sides at once.
func (l *loop) abandon(t *trip) {
	c := t.client
	t.reusable = false
	l.endTrip(t)
	l.closeClient(c)
}

// identify says who the client is.
func (l *loop) identify(t *trip) {
	c := t.client
	if c.from == "" {
		c.from = c.source.Addr().String()
	}
	r := &t.request
	r.Source, r.Local, r.From, r.Port = c.source, c.local, c.from, c.onPort
}
