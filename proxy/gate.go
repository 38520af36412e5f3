package proxy

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"runtime"
	"strings"
	"sync"
	"time"

	"marathon-lb/internal/route"
)

// gate checks passwords. Each costs milliseconds, so only a few are computed at a time, and what was found is remembered under a
// MAC of hash and credentials, whose key dies with the process.
type gate struct {
	key   [32]byte
	slots chan struct{}

	mu          sync.Mutex
	young, aged map[[32]byte]bool // aged is what young was when it was last full
}

const (
	gateWait   = 5 * time.Second // for a slot
	mostVerify = 10_000          // verdicts in each generation
)

// newGate makes a gate that uses at most half of the processors.
func newGate() *gate {
	g := &gate{slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)), young: map[[32]byte]bool{}}
	rand.Read(g.key[:])
	return g
}

// proof is what a client shows, before it is known whether it suffices.
type proof struct {
	auth           *route.Auth
	user, password string
	mac            [32]byte
}

// look says what is known of what the exchange shows, without computing anything: the failure if it does not do, or a proof that is to
// be checked. It shows enough if there is neither.
func (g *gate) look(x *exchange) (Failure, *proof) {
	auth := x.action.Auth
	if auth == nil {
		return OK, nil
	}
	credentials := x.request.field("Authorization")
	user, password, ok := basicAuth(credentials)
	if !ok {
		return Unauthorized, nil
	}
	mac := g.mac(auth, credentials)
	switch admitted, known := g.recall(mac); {
	case !known:
		return OK, &proof{auth, user, password, mac}
	case !admitted:
		return Unauthorized, nil
	}
	return OK, nil
}

// check computes whether a proof suffices, which takes long.
func (g *gate) check(ctx context.Context, p *proof) Failure {
	late := time.NewTimer(gateWait)
	defer late.Stop()
	select {
	case g.slots <- struct{}{}:
	case <-ctx.Done():
		return ClientLeftConnecting
	case <-late.C:
		return AuthBusy
	}
	admitted := p.auth.Verify(p.user, p.password)
	<-g.slots
	g.learn(p.mac, admitted)
	if !admitted {
		return Unauthorized
	}
	return OK
}

// basicAuth reads a field of the Basic scheme (RFC 7617 2).
func basicAuth(field string) (user, password string, ok bool) {
	const scheme = "Basic "
	if len(field) < len(scheme) || !strings.EqualFold(field[:len(scheme)], scheme) {
		return "", "", false
	}
	text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(field[len(scheme):]))
	if err != nil {
		return "", "", false
	}
	return strings.Cut(string(text), ":")
}

func (g *gate) mac(a *route.Auth, credentials string) (sum [32]byte) {
	m := hmac.New(sha256.New, g.key[:])
	for _, part := range []string{a.User, a.Hash, credentials} {
		m.Write([]byte(part))
		m.Write([]byte{0})
	}
	m.Sum(sum[:0])
	return sum
}

func (g *gate) recall(mac [32]byte) (admitted, known bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if admitted, known = g.young[mac]; known {
		return admitted, true
	}
	if admitted, known = g.aged[mac]; known {
		g.remember(mac, admitted)
	}
	return admitted, known
}

func (g *gate) learn(mac [32]byte, admitted bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.remember(mac, admitted)
}

// remember forgets in generations: what was used while the last one filled is kept.
func (g *gate) remember(mac [32]byte, admitted bool) {
	if len(g.young) >= mostVerify {
		g.young, g.aged = map[[32]byte]bool{}, g.young
	}
	g.young[mac] = admitted
}
