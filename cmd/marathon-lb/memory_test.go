package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// probed sends a request on a connection of its own, and says how it was answered; 0 if it was not.
func probed(port int) (status int, closes bool) {
	c, err := net.DialTimeout("tcp", loopback(port), 5*time.Second)
	if err != nil {
		return 0, false
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(c, agent+"\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, false
	}
	return resp.StatusCode, resp.Close
}

// A row of 3.2 in reliability.md: near the limit of GOMEMLIMIT no connection is kept, and nearer no new one is served. The process lives, and
// recovers.
func TestNearItsMemoryLimitTheProcessServesLessAndLives(t *testing.T) {
	for _, engine := range []string{"loop", "nethttp"} {
		t.Run(engine, func(t *testing.T) {
			v := newVictim(t, []string{"GOMEMLIMIT=48MiB"}, "--engine", engine)
			if status, closes := probed(v.port); status != 200 || closes {
				t.Fatalf("answered %d, closes %v", status, closes)
			}
			var hungry []net.Conn
			defer func() {
				for _, c := range hungry {
					c.Close()
				}
			}()
			// A large head whose body does not come is kept, as it came and as it is sent.
			eat := func() {
				for range 20 {
					c, err := net.Dial("tcp", loopback(v.slow))
					if err != nil {
						t.Fatal(err)
					}
					c.SetDeadline(time.Now().Add(time.Minute))
					io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n"+strings.Repeat("X-B: "+strings.Repeat("b", 1000)+"\r\n", 30)+"\r\n")
					hungry = append(hungry, c)
				}
			}
			until := func(what string, holds func(status int, closes bool) bool) {
				eventually(t, what, func() bool {
					if len(hungry) < 4000 {
						eat()
					}
					return holds(probed(v.port))
				})
				t.Logf("%s, with %d clients that take memory; %d MB", what, len(hungry), v.resident()>>20)
			}
			until("connections are not kept", func(status int, closes bool) bool { return closes })
			until("new ones are refused", func(status int, closes bool) bool { return status == 503 })
			if n := v.metric("haproxy_frontend_denied_connections_total", fmt.Sprintf(`_%d"`, v.port)); n < 1 && engine == "loop" {
				t.Errorf("%v are counted", n)
			}
			for _, c := range hungry {
				c.Close()
			}
			hungry = nil
			eventually(t, "all is well again", func() bool { status, closes := probed(v.port); return status == 200 && !closes })
			v.signal(syscall.SIGTERM)
			if code := v.exit(); code != 0 {
				t.Errorf("exit code %d: %s", code, v.err.String())
			}
		})
	}
}
