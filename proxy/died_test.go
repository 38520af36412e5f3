package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

// The budget for repeats bounds what a backend in trouble is asked; a server that dies is one failure, however much it had.
func TestAServerThatDiesWithManyRequestsLosesNoneOfThem(t *testing.T) {
	const many = 40
	for _, kept := range []bool{false, true} {
		t.Run(fmt.Sprintf("on kept connections %v", kept), func(t *testing.T) {
			r, port := newRig(t, proxy.Options{}), freePort(t)
			var held atomic.Int64
			release := make(chan struct{})
			dying := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				held.Add(1)
				if r.URL.Path == "/warm" {
					<-release
				} else {
					<-r.Context().Done()
				}
			})}
			addr := serveOn(t, dying)
			clients := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: many}}
			defer clients.CloseIdleConnections()
			var all sync.WaitGroup
			ask := func(path string, want string) {
				all.Go(func() {
					resp, err := clients.Get(url(port, path))
					if err != nil {
						t.Error(err)
						return
					}
					defer resp.Body.Close()
					if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 || string(body) != want {
						t.Errorf("%s: %d %q", path, resp.StatusCode, body)
					}
				})
			}
			r.apply(service(route.HTTP, port, addr))
			if kept {
				for range many {
					ask("/warm", "")
				}
				eventually(t, "all have a connection", func() bool { return held.Load() == many })
			}
			close(release)
			all.Wait()
			held.Store(0)
			r.apply(service(route.HTTP, port, addr, named(t, "alive")))
			for range 2 * many {
				ask("/", "alive")
			}
			eventually(t, "it has its half", func() bool { return held.Load() == many })
			dying.Close()
			all.Wait()
		})
	}
}
