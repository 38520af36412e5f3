package proxy

import (
	"context"
	"io"
	"time"

	"marathon-lb/internal/route"
)

// Budget and its method are there for tests.
type Budget struct{ budget }

func (b *Budget) Take(now time.Time, inFlight int64) bool { return b.take(now, inFlight) }

// ReadPEM is for tests, the fuzz test among them.
var ReadPEM = readPEM

// HoldCertFiles is a look at certificates whose files do not come, until it is released.
func (p *Proxy) HoldCertFiles() (release func()) {
	p.certs.looking.Lock()
	return p.certs.looking.Unlock
}

// MostProbes is how many probes may be under way.
const MostProbes = mostProbes

// Checker is a checker with a way to probe of the test's own.
type Checker struct{ c *checker }

func NewChecker(probe func(context.Context, *route.Plan) route.Result, found func(*route.Server, *route.Plan, route.Result)) Checker {
	return Checker{newChecker(probe, found)}
}

func (c Checker) Follow(backend string, servers []*route.Server) { c.c.follow(backend, servers) }
func (c Checker) Run(ctx context.Context)                        { c.c.run(ctx) }

// ConnectFailure is the name of the failure that an error of connecting to a server is.
func ConnectFailure(err error) string { return connectFailure(err).String() }

// Answer, Target and Failed are how answers are read, paths are written and errors are worded.
func Answer(r io.Reader) route.Result { return answer(r, "") }
func Target(path string) string       { return target(path) }
func Failed(err error) route.Result   { return failed(err, "late", "bad") }

// Holds are the queues of held requests.
type Holds struct{ h *holds }

func NewHolds(o Options) Holds { return Holds{newHolds(&o)} }

func (h Holds) Enter(b *route.Backend, bytes int, longest time.Duration, done func(Failure)) (leave func()) {
	if w := h.h.enter(b, bytes, longest, done); w != nil {
		return w.leave
	}
	return nil
}

func (h Holds) Release(backend string) { h.h.release(backend, OK) }
