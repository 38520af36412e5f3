package differential_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"marathon-lb/internal/haproxy"
	"marathon-lb/internal/route"
	"marathon-lb/internal/testkit"
	"marathon-lb/marathon"
	"marathon-lb/proxy"
)

// requestsOfSet is how many questions a set of apps is asked.
const requestsOfSet = 80

func TestHAProxyAnswersEachRequestAsTheProxyDoes(t *testing.T) {
	program, cert := testkit.Program(t, "haproxy", "nothing was compared with HAProxy"), certificate(t)
	ports := freePorts(t, 3+24)
	w := world{cert: cert, tasks: startServers(t, 60), services: ports[3:]}
	for i := range *setCount {
		seed := *firstSeed + uint64(i)
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			s := set{program: program, cert: cert, world: w, shared: ports[:3], rand: rand.New(rand.NewPCG(seed, 0))}
			s.compare(t)
		})
	}
}

// set is one set of apps and requests.
type set struct {
	program, cert string
	world         world
	shared        []int // ports of :80, :443 and :9091
	rand          *rand.Rand
}

// spec compiles a set of apps.
func (s set) spec() route.Spec {
	o := marathon.Options{
		Groups:   []string{"external"},
		HTTPBind: netip.AddrPortFrom(loopSide, uint16(s.shared[0])), HTTPSBind: netip.AddrPortFrom(loopSide, uint16(s.shared[1])),
		AppIDBind: netip.AddrPortFrom(loopSide, uint16(s.shared[2])), ServiceAddr: loopSide,
	}
	c := marathon.NewCompiler(o)
	apps, facts := s.world.apps(s.rand)
	for i, a := range apps {
		c.Set(a, facts[i])
	}
	change := c.Link(time.Now())
	change.SetListeners = append(o.Listeners(), change.SetListeners...)
	for i := range change.SetListeners { // some have a proxy in front, some ask for certificates, some speak HTTP/2
		l := &change.SetListeners[i]
		if l.Options.AcceptProxy = l.Options.AcceptProxy || i%3 == 0; l.TLS && i%2 == 0 {
			l.Options.Verify, l.Options.CA = route.VerifyOptional, s.cert
		}
		if l.TLS && i%4 > 0 {
			l.Options.ALPN = "h2,http/1.1"
		}
	}
	table, _ := route.Build(route.NewTable(1), change)
	return table.Spec()
}

func (s set) compare(t *testing.T) {
	spec := s.spec()
	o := proxy.Options{SSLCerts: []string{s.cert}, AuthScope: pick(s.rand, proxy.AuthAll, proxy.AuthAll, proxy.AuthVHost)}
	for _, text := range []string{"127.0.0.0/24", "127.0.6.0/24"} {
		o.TrustedProxies = append(o.TrustedProxies, netip.MustParsePrefix(text))
	}
	loop, nethttp := o, o
	loop.Engine, nethttp.Engine = proxy.LoopEngine, proxy.NetHTTPEngine
	startProxy(t, at(loopSide, spec), loop)
	startProxy(t, at(nethttpSide, spec), nethttp)
	startHAProxy(t, s.program, at(haproxySide, spec), haproxy.Options{
		Certs: []haproxy.Cert{{Path: s.cert}}, TLSMin: "1.2", Trusted: o.TrustedProxies, AuthByHost: o.AuthScope == proxy.AuthVHost, Hashes: true,
	})
	servers := serversOf(spec)
	for range requestsOfSet {
		q := ask(s.rand, spec)
		status := q.compare(t, servers)
		if q.http2 = q.fitsHTTP2(); q.http2 && status != http.StatusServiceUnavailable { // that nobody serves it is heard often enough
			q.compare(t, servers)
		}
	}
}

// compare asks all sides, and gives the status of HAProxy's answer.
func (q question) compare(t *testing.T, servers map[string]server) int {
	theirs := q.put(haproxySide, servers)
	if strings.HasPrefix(theirs.Ended, noConnection) {
		t.Fatalf("%s, HTTP/2 %t: %s", q.listener.Name, q.http2, theirs.Ended)
	}
	for engine, side := range map[string]netip.Addr{"loop": loopSide, "nethttp": nethttpSide} {
		if what := differ(q, q.put(side, servers), theirs, servers); what != "" {
			t.Errorf("%s %s, from %s, by %s, in HTTP/2 %t:\n%s%s", q.listener.Name, q.listener.Bind, q.source, engine, q.http2, short(q.text), short(what))
		}
	}
	return theirs.Status
}

// short is a text without the middle of what is long.
func short(text string) string {
	if len(text) > 4000 {
		return text[:1000] + "\n...\n" + text[len(text)-3000:]
	}
	return text
}

// differ says in what two answers differ, empty for in nothing that matters.
func differ(q question, ours, theirs answer, servers map[string]server) string {
	for _, a := range []answer{ours, theirs} {
		if s := servers[a.Server]; a.Server != "" && !s.chosen && !(s.last && q.binds && sticks(a, servers)) {
			return fmt.Sprintf("a server that may not be used: %+v\n", a)
		}
	}
	for _, e := range exceptions {
		if e.allows != nil && e.allows(q, ours, theirs) {
			return ""
		}
	}
	ours, theirs = settled(q, ours), settled(q, theirs)
	same := ours.Server == theirs.Server || !servers[ours.Server].fixed && (!q.binds || !sticks(ours, servers) || ours.setsCookie())
	if same && ours.String() == theirs.String() {
		return ""
	}
	return fmt.Sprintf("here:    %+v\nHAProxy: %+v\n", ours, theirs)
}
