package proxy_test

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

// raw2 is a client that says in HTTP/2 whatever it is told (RFC 9113 4, RFC 7541 6.2.2).
type raw2 struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	next uint32 // stream
}

// Types of frames, and flags.
const (
	frameData, frameHeaders, frameReset, frameSettings, frameGoAway, frameWindow, frameContinuation = 0, 1, 3, 4, 7, 8, 9

	endStream, endHeaders = 1, 4
)

func newRaw2(t *testing.T, port int) *raw2 {
	t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	return raw2On(t, conn)
}

// raw2On speaks on a connection that stands.
func raw2On(t *testing.T, clear net.Conn) *raw2 {
	t.Helper()
	clear.SetDeadline(time.Now().Add(30 * time.Second))
	t.Cleanup(func() { clear.Close() })
	conn := tls.Client(clear, &tls.Config{ServerName: "a.example", InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	c := &raw2{t: t, conn: conn, in: bufio.NewReader(conn), next: 1}
	io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	c.write(frameSettings, 0, 0, nil)
	return c
}

func (c *raw2) write(kind, flags byte, stream uint32, payload []byte) error {
	b := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	_, err := c.conn.Write(append(binary.BigEndian.AppendUint32(b, stream), payload...))
	return err
}

// fields are literals that nobody remembers.
func (c *raw2) fields(pairs ...string) (block []byte) {
	for i := 0; i < len(pairs); i += 2 {
		block = append(block, 0)
		for _, s := range pairs[i : i+2] {
			if len(s) > 126 {
				c.t.Fatal("too long for one byte of length")
			}
			block = append(append(block, byte(len(s))), s...)
		}
	}
	return block
}

// ask begins a stream.
func (c *raw2) ask(flags byte, pairs ...string) (stream uint32, err error) {
	stream = c.next
	c.next += 2
	return stream, c.write(frameHeaders, flags|endHeaders, stream, c.fields(pairs...))
}

// read is the next frame.
func (c *raw2) read() (kind, flags byte, stream uint32, payload []byte, err error) {
	head := make([]byte, 9)
	if _, err = io.ReadFull(c.in, head); err == nil {
		payload = make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		_, err = io.ReadFull(c.in, payload)
	}
	return head[3], head[4], binary.BigEndian.Uint32(head[5:]), payload, err
}

// answer is what comes on a stream: "200", "400" or "another status"; "reset" or "goaway" with a code; "closed".
func (c *raw2) answer(stream uint32) string {
	c.t.Helper()
	for {
		kind, _, on, payload, err := c.read()
		switch {
		case err != nil:
			return "closed"
		case kind == frameGoAway && binary.BigEndian.Uint32(payload[4:]) != 0:
			return fmt.Sprint("goaway ", binary.BigEndian.Uint32(payload[4:]))
		case kind == frameReset && on == stream:
			return fmt.Sprint("reset ", binary.BigEndian.Uint32(payload))
		case kind == frameHeaders && on == stream: // the status comes first, and is one of RFC 7541's table A
			return map[byte]string{0x88: "200", 0x8c: "400"}[payload[0]]
		}
	}
}

// asked2 is a request's head with fields added, or put in the place of those of the same name.
func asked2(pairs ...string) []string {
	all := []string{":method", "GET", ":scheme", "https", ":authority", "a.example", ":path", "/"}
	for i := 0; i < len(pairs); i += 2 {
		added := true
		for j := 0; j < len(all); j += 2 {
			if all[j] == pairs[i] && strings.HasPrefix(all[j], ":") {
				all[j+1], added = pairs[i+1], false
			}
		}
		if added {
			all = append(all, pairs[i:i+2]...)
		}
	}
	return all
}

func TestWhatHTTP11CannotSayIsRefusedInHTTP2(t *testing.T) {
	seen := make(chan string, 100)
	r, port, _, _ := twoService(t, proxy.Options{}, func(w http.ResponseWriter, r *http.Request) { seen <- r.RequestURI })
	c := newRaw2(t, port)
	bad := [][]string{
		asked2(":path", "/ HTTP/1.1"), asked2(":path", "/a b"), asked2(":path", "/a\tb"), asked2(":path", "http://b.example/"), asked2(":path", "a"), asked2(":path", "*"),
		asked2(":path", "/a#b"), asked2(":path", "/\xe9"),
		asked2(":method", "GET /x HTTP/1.1"), asked2(":method", "G(T"), asked2(":method", "PRI"), asked2(":method", "CONNECT"),
		asked2(":authority", "a.example/x"), asked2(":authority", "a b"), asked2(":authority", "u@a.example"), asked2(":authority", "a.example:80:80"),
		asked2("host", "b.example"), asked2("x", " a"), asked2("x", "a "), asked2("x", "a\tb\t"),
		asked2("content-length", "5"), asked2("content-length", "+0"), asked2("content-length", "0", "content-length", "1"),
		asked2("transfer-encoding", "chunked"), asked2("connection", "close"), asked2("upgrade", "h2c"), asked2("te", "gzip"),
		asked2("x", "a\r\ny: b"), asked2("x", "a\x00"), asked2("x\r\ny", "b"), asked2("X", "b"), asked2("a:b", "c"), asked2("x y", "c"), asked2("", "c"),
		asked2("host", "a.example", "host", "b.example"), asked2(":scheme", "gopher"), asked2(":authority", "", "host", "a.example/"),
	}
	for _, pairs := range bad {
		stream, _ := c.ask(endStream, pairs...)
		if got := c.answer(stream); got != "400" && got != "reset 1" && (got != "" || pairs[1] != "CONNECT") {
			t.Errorf("%q: %s", pairs, got)
		}
	}
	if len(seen) != 0 {
		t.Errorf("the server saw %q", <-seen)
	}
	for _, pairs := range [][]string{ // on the same connection
		asked2(), asked2(":path", "//x?y=/%20"), asked2("host", "a.example"), asked2("content-length", "0"), asked2("x", "", "te", "trailers"), asked2("x", "\u00a0a\u00a0"),
		asked2(":authority", "", "host", "a.example"), asked2(":method", "OPTIONS", ":path", "*"),
	} {
		stream, _ := c.ask(endStream, pairs...)
		if got := c.answer(stream); got != "200" {
			t.Errorf("%q: %s", pairs, got)
		} else if pairs[7] != "*" { // which Go's server answers itself
			if path := <-seen; path != pairs[7] {
				t.Errorf("%q: the server was asked for %q", pairs, path)
			}
		}
	}
	front := r.Table().Listeners()[0].Stats
	if n := front.Sum(route.ErrReq); n < 20 || n > uint64(len(bad)) {
		t.Errorf("%d bad requests counted", n)
	}
}

func TestALengthInHTTP2IsThatOfItsBody(t *testing.T) {
	read := make(chan error, 1)
	_, port, _, _ := twoService(t, proxy.Options{}, func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		read <- err
	})
	for _, body := range []string{"1234", "123456"} {
		c := newRaw2(t, port)
		stream, _ := c.ask(0, asked2(":method", "POST", "content-length", "5")...)
		c.write(frameData, endStream, stream, []byte(body))
		if got := c.answer(stream); got == "200" {
			t.Errorf("%q: %s", body, got)
		}
		select {
		case err := <-read:
			if err == nil {
				t.Errorf("%q: the server saw it whole", body)
			}
		default: // it never came there
		}
	}
}

func TestFloodsInHTTP2AreCutAndHarmNoOther(t *testing.T) {
	r, port, _, client := twoService(t, proxy.Options{}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			<-r.Context().Done()
		}
	})
	floods := map[string]func(c *raw2) error{
		"rapid reset": func(c *raw2) error {
			stream, err := c.ask(endStream, asked2()...)
			c.write(frameReset, 0, stream, []byte{0, 0, 0, 8})
			return err
		},
		"too many streams": func(c *raw2) error { _, err := c.ask(endStream, asked2()...); return err },
		"endless head": func(c *raw2) error {
			if c.next == 1 {
				c.next = 3
				return c.write(frameHeaders, endStream, 1, c.fields(asked2()...))
			}
			return c.write(frameContinuation, 0, 1, c.fields("x", strings.Repeat("x", 100)))
		},
		"settings": func(c *raw2) error { return c.write(frameSettings, 0, 0, nil) },
	}
	for name, flood := range floods {
		c := newRaw2(t, port)
		cut := make(chan string, 1)
		switch name {
		case "settings", "too many streams": // their answers are not read
			cut <- ""
		default:
			go func() { cut <- c.answer(0) }()
		}
		for i := range 50_000 {
			if flood(c) != nil || i == 300 && name == "too many streams" {
				break
			}
			if i%100 == 0 {
				if resp, _ := fetch(t, client, ask2("GET", "/other", nil)); resp.StatusCode != 200 {
					t.Errorf("%s: another client got %d", name, resp.StatusCode)
				}
			}
			if i == 49_999 && name == "endless head" {
				t.Errorf("%s: it went on", name)
			}
		}
		c.conn.Close()
		<-cut
		if n := r.Table().Backends()[0].Stats.Sessions.Peak(); n > 250 { // 100 of each connection, and those of the flood before may still end
			t.Errorf("%s: %d requests ran at a time", name, n)
		}
	}
}
