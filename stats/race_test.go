package stats_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"marathon-lb/internal/route"
	"marathon-lb/stats"
)

func handler(src stats.Source) http.Handler {
	return stats.NewServer(stats.Options{Bind: netip.MustParseAddrPort("127.0.0.1:9090")}, src, zap.NewNop())
}

func request(h http.Handler, target string) string {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
	return w.Body.String()
}

func TestScrapesWhileCountersAndTablesChange(t *testing.T) {
	now := time.Now()
	var table atomic.Pointer[route.Table]
	table.Store(every(now))
	src := source(nil, now)
	src.Table = table.Load
	h := handler(src)

	stop := make(chan struct{})
	var busy sync.WaitGroup
	busy.Go(func() { // tables
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			change := route.Change{SetBackends: []route.BackendSpec{service("/web", 10001, route.HTTP, nil, i%9)}, Now: time.Now()}
			next, _ := route.Build(table.Load(), change)
			table.Store(next)
		}
	})
	busy.Go(func() { // requests
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, s := range table.Load().Backend("web_10001").Servers {
				s.Begin()
				s.Stats.Touch(time.Now().UnixNano())
				s.Stats.TotalTime.Add(3)
				s.SetHealth(route.Health(now.Nanosecond()%4), time.Now())
				s.End()
			}
		}
	})
	for range 20 {
		for _, target := range []string{"/haproxy?stats", "/haproxy?stats;csv;up", "/haproxy?stats;json", "/metrics", "/v1/status"} {
			request(h, target)
		}
	}
	body := request(h, "/haproxy?stats;csv")
	close(stop)
	busy.Wait()
	zddRows(t, body)
	parseCSV(t, body)
}

func TestCountersAreSummedOverWriters(t *testing.T) {
	now := time.Now()
	table := every(now)
	h := handler(source(table, now))
	name := `haproxy_server_sessions_total{proxy="web_10001",server="10_0_1_11_31001"}`
	for writer := range 3 {
		table.Backend("web_10001").Servers[0].Stats.Add(writer, route.Sessions, 5)
		if got, want := series(t, request(h, "/metrics"), name), fmt.Sprint(5*(writer+1)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// crowd is a table of 500 backends with 10 servers each.
func crowd() *route.Table {
	now := time.Now()
	var spec route.Spec
	for i := range 500 {
		spec.Backends = append(spec.Backends, service(fmt.Sprintf("/team/app-%d", i), 10000+i, route.HTTP, nil, 10))
	}
	table, _ := route.Build(route.NewTable(2), spec.Change(now))
	traffic(table, now)
	return table
}

func BenchmarkReport5000Servers(b *testing.B) {
	h := handler(source(crowd(), time.Now()))
	for _, target := range []string{"/haproxy?stats;csv", "/metrics", "/haproxy?stats", "/haproxy?stats;json"} {
		b.Run(target[1:], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := &discard{header: http.Header{}}
				h.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
				b.SetBytes(w.n)
			}
		})
	}
}

// discard is a response nobody reads.
type discard struct {
	header http.Header
	n      int64
}

func (d *discard) Header() http.Header { return d.header }
func (d *discard) WriteHeader(int)     {}
func (d *discard) Write(p []byte) (int, error) {
	n, err := io.Discard.Write(p)
	d.n += int64(n)
	return n, err
}
