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

// ask demands what the action wants to be shown. An exchange that does not show it fails.
func (g *gate) ask(ctx context.Context, x *exchange) {
	auth := x.action.Auth
	if auth == nil {
		return
	}
	credentials := x.request.field("Authorization")
	user, password, ok := basicAuth(credentials)
	if !ok {
		x.action.Failure = Unauthorized
		return
	}
	mac := g.mac(auth, credentials)
	admitted, known := g.recall(mac)
	if !known {
		select {
		case g.slots <- struct{}{}:
			admitted = auth.Verify(user, password)
			<-g.slots
			g.learn(mac, admitted)
		case <-ctx.Done():
			x.action.Failure = ClientLeftConnecting
			return
		case <-time.After(gateWait):
			x.action.Failure = AuthBusy
			return
		}
	}
	if !admitted {
		x.action.Failure = Unauthorized
	}
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
