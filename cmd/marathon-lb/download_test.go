package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"marathon-lb/marathon/marathontest"
)

// bulkSize is so large that no socket's buffer takes much of it.
const bulkSize = 32 << 20

// bulk answers with payload, again and again.
func bulk(*marathontest.Task) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" {
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(bulkSize))
		for sent := 0; sent < bulkSize; sent += len(payload) {
			if _, err := w.Write(payload); err != nil {
				return
			}
		}
	})
}

// slowReader reads an answer in portions, one for each tick, until told to hurry.
type slowReader struct {
	body  io.Reader
	ticks <-chan time.Time
	hurry <-chan struct{}
}

func (s slowReader) Read(b []byte) (int, error) {
	select {
	case <-s.ticks:
		b = b[:min(len(b), 16<<10)]
	case <-s.hurry:
	}
	return s.body.Read(b)
}

// The tasks finish what runs, as they have a grace period for, and so does the load balancer.
func TestSlowDownloadsSurviveADeploy(t *testing.T) {
	engines(t, func(t *testing.T, engine string) {
		lasts := time.Duration(0)
		if *goals {
			lasts = 30 * time.Second
		}
		f := newFarm(t, marathontest.Options{Handler: bulk}, 0, engine, "--drain-timeout=2m")
		port, clients := freePort(t), 8
		a := patientApp("/big", port)
		a.TaskKillGracePeriodSeconds = new(120)
		create(t, f.sim, a)
		backend := fmt.Sprintf("big_%d", port)
		eventually(t, "four servers", func() bool { return len(servers(f.stats, backend)) == 4 })
		slow := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, addr)
			if err == nil {
				c.(*net.TCPConn).SetReadBuffer(64 << 10)
			}
			return c, err
		}}}
		want := sha256.Sum256(bytes.Repeat(payload, bulkSize/len(payload)))
		hurry := make(chan struct{})
		var begun, all sync.WaitGroup
		for range clients {
			begun.Add(1)
			all.Go(func() {
				resp, err := slow.Get("http://" + loopback(port))
				begun.Done()
				if err != nil {
					t.Error(err)
					return
				}
				defer resp.Body.Close()
				tick := time.NewTicker(100 * time.Millisecond)
				defer tick.Stop()
				sum := sha256.New()
				n, err := io.Copy(sum, slowReader{resp.Body, tick.C, hurry})
				if err != nil || n != bulkSize || !bytes.Equal(sum.Sum(nil), want[:]) {
					t.Errorf("%d of %d bytes came, %v", n, bulkSize, err)
				}
			})
		}
		begun.Wait()
		began := time.Now()
		if _, err := f.sim.Restart("/big"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the old tasks leave, and new ones serve", func() bool {
			rows := map[string]int{}
			for _, status := range servers(f.stats, backend) {
				rows[status]++
			}
			return rows["UP"] == 4 && rows["MAINT"] == 4
		})
		<-time.After(lasts)
		lasted := time.Since(began)
		close(hurry)
		all.Wait()
		eventually(t, "the old rows go", func() bool { return len(servers(f.stats, backend)) == 4 })
		if err := f.sim.WaitSettled(t.Context()); err != nil {
			t.Error(err)
		}
		t.Logf("%d downloads of %d MB went on for %v through a deploy", clients, bulkSize>>20, lasted.Round(time.Second))
		f.end()
	})
}
