package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

// Whatever the answer came before, a body that does not end, or is none, is never taken for requests.
func TestWhatFollowsABodyThatDoesNotEndIsNoRequest(t *testing.T) {
	t.Parallel()
	next := "GET /open HTTP/1.1\r\nHost: a.test\r\n\r\n"
	for what, change := range map[string]func(k *route.BackendSpec){
		"redirected": func(k *route.BackendSpec) { k.ToHTTPS = true },
		"answered early": func(k *route.BackendSpec) {
			k.Servers[0].Addr = rawTask(t, func(c net.Conn, r *bufio.Reader) {
				for line := ""; line != "\r\n"; {
					line, _ = r.ReadString('\n')
				}
				io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nearly\n")
				io.Copy(io.Discard, r)
			})
		},
	} {
		byHost, _, _ := shared(t, newRig(t, proxy.Options{}), change)
		for _, c := range []struct{ framing, body string }{
			{"Content-Length: 100", ""},
			{"Transfer-Encoding: chunked", "5\r\nhelloXX\r\n" + next},
			{"Transfer-Encoding: chunked", "XX\r\n" + next},
		} {
			conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", byHost))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(5 * time.Second))
			io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a.test\r\n"+c.framing+"\r\n\r\n")
			answer := bufio.NewReader(conn)
			first, err := answer.ReadString('\n')
			io.WriteString(conn, c.body)
			rest, end := io.ReadAll(answer)
			if err != nil || !strings.HasPrefix(first, "HTTP/1.1 ") || strings.Contains(string(rest), "HTTP/1.1 ") || isTimeout(end) {
				t.Errorf("%s, %q: %v %q, %v %q", what, c, err, first, end, rest)
			}
		}
	}
}

func isTimeout(err error) bool {
	n, ok := err.(net.Error)
	return ok && n.Timeout()
}
