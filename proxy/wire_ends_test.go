package proxy_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// reply is what the scripted server does about a request.
type reply struct {
	say   string
	early bool // it answers as soon as it has the head
	then  ending
}

type ending uint8

const (
	goesOn ending = iota
	closes
	resets
	halfCloses
	stalls
)

const (
	good  = "GET /good HTTP/1.1\r\nHost: h\r\n\r\n"
	probe = "GET /probe HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
)

var ok = reply{say: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"}

// scripted is a server that does as it is told. Probes, with which clients see whether their connection goes on, it answers always.
type scripted struct {
	addr netip.AddrPort

	mu      sync.Mutex
	replies []reply
	bytely  bool
	seen    seen
	heads   chan struct{} // one for each head that came
	open    map[net.Conn]bool
}

// seen is what a server saw.
type seen struct {
	whole, probes []string
	parts         int // requests that did not come whole
	conns         int
}

func newScripted(t *testing.T) *scripted {
	s := &scripted{open: map[net.Conn]bool{}}
	s.addr = rawTask(t, s.serve)
	return s
}

func (s *scripted) begin(replies []reply, bytely bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(replies) == 0 {
		replies = []reply{ok}
	}
	s.replies, s.bytely, s.seen, s.heads = replies, bytely, seen{}, make(chan struct{}, 1000)
}

// end has all connections close, so that the next case finds none, and says what was seen.
func (s *scripted) end(t *testing.T) seen {
	s.overtake(t)
	eventually(t, "the server's connections are closed", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for c := range s.open {
			c.(*net.TCPConn).CloseWrite()
		}
		return len(s.open) == 0
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen
}

// overtake waits until all connections that were made so far are accepted: what came on one that was given up meanwhile would be counted for the
// next case.
func (s *scripted) overtake(t *testing.T) {
	last, err := net.Dial("tcp", s.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer last.Close()
	eventually(t, "the server accepts all connections", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for c := range s.open {
			if c.RemoteAddr().String() == last.LocalAddr().String() {
				s.seen.conns--
				return true
			}
		}
		return false
	})
}

func (s *scripted) serve(c net.Conn, _ *bufio.Reader) {
	s.mu.Lock()
	s.open[c] = true
	s.seen.conns++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.open, c)
		s.mu.Unlock()
	}()
	var taken bytes.Buffer
	in := bufio.NewReader(io.TeeReader(c, &taken))
	for s.one(c, in, &taken) {
	}
}

// one sees to one request; false if it was the last one of its connection.
func (s *scripted) one(c net.Conn, in *bufio.Reader, taken *bytes.Buffer) bool {
	r, err := http.ReadRequest(in)
	if err != nil {
		if taken.Len() > 0 {
			s.part()
		}
		return false
	}
	if r.URL.Path == "/probe" {
		s.mu.Lock()
		s.seen.probes = append(s.seen.probes, taken.String())
		s.mu.Unlock()
		taken.Reset()
		io.WriteString(c, ok.say)
		return true
	}
	do, bytely := s.next()
	if do.early {
		s.do(c, do, bytely)
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		s.part()
		return false
	}
	s.mu.Lock()
	s.seen.whole = append(s.seen.whole, taken.String())
	s.mu.Unlock()
	taken.Reset()
	return do.early || s.do(c, do, bytely)
}

func (s *scripted) part() {
	s.mu.Lock()
	s.seen.parts++
	s.mu.Unlock()
}

func (s *scripted) next() (reply, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heads <- struct{}{}
	do := s.replies[0]
	if len(s.replies) > 1 {
		s.replies = s.replies[1:]
	}
	return do, s.bytely
}

func (s *scripted) do(c net.Conn, r reply, bytely bool) bool {
	if bytely {
		for i := range len(r.say) {
			io.WriteString(c, r.say[i:i+1])
		}
	} else {
		io.WriteString(c, r.say)
	}
	switch r.then {
	case closes:
		return false
	case resets:
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
		return false
	case halfCloses:
		c.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, c)
		return false
	case stalls:
		io.Copy(io.Discard, c)
		return false
	}
	return true
}

// asked is what a client got.
type asked struct {
	answers []answered
	goes    bool // the connection goes on: a probe was answered on it
	late    bool // nothing came, and the connection did not end
}

type answered struct {
	status    int
	cut       bool
	body, raw string
}

func (a asked) last() answered {
	if len(a.answers) == 0 {
		return answered{}
	}
	return a.answers[len(a.answers)-1]
}

// ask sends bytes the way it says and reads so many answers, then whether the connection goes on.
func (r *wireRig) ask(t *testing.T, send string, way way, answers int) (got asked) {
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", r.port))
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(waits))
	sent := make(chan struct{})
	go func() { r.sendBytes(c, send, way); close(sent) }()
	defer func() { c.Close(); <-sent }()
	var taken bytes.Buffer
	in := bufio.NewReader(io.TeeReader(c, &taken))
	for i := range answers {
		if i > 0 { // the first one was that of the good request
			send = send[len(good):]
		}
		method, _, _ := strings.Cut(strings.TrimLeft(send, "\r\n"), " ")
		a, closes, err := readAnswer(in, &taken, method)
		got.late = errors.Is(err, os.ErrDeadlineExceeded)
		got.answers = append(got.answers, a)
		if closes || a.cut || a.status == 0 {
			_, err := in.ReadByte()
			got.late = got.late || errors.Is(err, os.ErrDeadlineExceeded)
			return got
		}
	}
	io.WriteString(c, probe)
	a, _, err := readAnswer(in, &taken, "GET")
	got.goes, got.late = a.status == 200, errors.Is(err, os.ErrDeadlineExceeded)
	return got
}

func (r *wireRig) sendBytes(c net.Conn, send string, way way) {
	switch way {
	case bytely:
		for i := range len(send) {
			io.WriteString(c, send[i:i+1])
		}
	case bodyLate:
		head := strings.Index(send, "\r\n\r\n") + 4
		io.WriteString(c, send[:head])
		select {
		case <-r.server.heads:
		case <-time.After(waits):
		}
		io.WriteString(c, send[head:])
	default:
		io.WriteString(c, send)
	}
}

// readAnswer reads a final answer, and the interim ones before it as a part of it.
func readAnswer(in *bufio.Reader, taken *bytes.Buffer, method string) (a answered, closes bool, err error) {
	for {
		resp, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			return a, true, err
		}
		if resp.StatusCode < 200 && resp.StatusCode != 101 {
			continue
		}
		body, err := io.ReadAll(resp.Body)
		a.status, a.body, a.cut = resp.StatusCode, string(body), err != nil
		a.raw = taken.String()[:taken.Len()-in.Buffered()]
		rest := taken.String()[taken.Len()-in.Buffered():]
		taken.Reset()
		taken.WriteString(rest)
		return a, resp.Close, err
	}
}
