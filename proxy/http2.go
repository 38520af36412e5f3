package proxy

import (
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"marathon-lb/internal/h1"
)

// HTTP/2 (RFC 9113) with clients, on ports with TLS whose bind line offers it. The standard library speaks it; what a request says is
// held to the rules of HTTP/1.1, in which servers are asked.

// http2Name is what HTTP/2 is called where a protocol is agreed on (RFC 7301).
const http2Name = "h2"

// Bounds of a connection.
const (
	mostStreams   = 100       // requests under way, as in HAProxy
	mostFrame     = 16 << 10  // bytes
	streamAhead   = 128 << 10 // bytes of a body that a client may send before they are read
	allStreams    = 4 << 20   // and of all bodies together
	tableOfFields = 4 << 10   // bytes of fields that are remembered, each way (HPACK)
)

// server2 is like server, for connections on which HTTP/2 was agreed on. They are handed over decrypted, so the library takes them for clear text.
func (e *httpEngine) server2() *http.Server {
	s := e.server()
	s.Handler, s.ConnState = http.HandlerFunc(e.serveStream), nil
	s.MaxHeaderBytes = 2 * mostHead // the library counts 32 more for each field; what is too large is answered, and counted, here
	s.Protocols = new(http.Protocols)
	s.Protocols.SetUnencryptedHTTP2(true)
	s.HTTP2 = &http.HTTP2Config{
		MaxConcurrentStreams: mostStreams, MaxReadFrameSize: mostFrame, MaxDecoderHeaderTableSize: tableOfFields, MaxEncoderHeaderTableSize: tableOfFields,
		MaxReceiveBufferPerStream: streamAhead, MaxReceiveBufferPerConnection: allStreams, WriteByteTimeout: e.proxy.o.Timeouts.Client,
	}
	return s
}

// serveStream answers one request of several on a connection. Its exchange is finished when all of the response was given to the library.
func (e *httpEngine) serveStream(w http.ResponseWriter, r *http.Request) {
	c := connOf(r)
	s := &stream{ResponseWriter: w, library: http.NewResponseController(w), conn: c}
	s.SetWriteDeadline(time.Now().Add(e.proxy.o.Timeouts.Client))
	r.Body = &streamBody{r.Body, s}
	defer c.serve(nil)()
	defer s.end()
	asked := requestOf(r, c)
	s.in.Add(uint64(asked.size()))
	x := &exchange{request: asked, line: r.Method + " " + whole(r) + " " + r.Proto}
	if failed := illFormed(r, asked.Host); failed != OK {
		x = c.refused(failed)
		defer func() { x.finish(s.in.Load(), s.out, time.Now()) }()
		x.refuse(s, failed)
		return
	}
	e.proxy.begin(x, c.port.bind, time.Now())
	defer func() { x.finish(s.in.Load(), s.out, time.Now()) }()
	e.answer(s, r, c, x)
}

// whole is the address that is asked for, as HAProxy logs it.
func whole(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		return "https://" + r.Host + r.RequestURI
	}
	return r.RequestURI
}

// illFormed says why a request cannot be asked for in HTTP/1.1: its head, written in it, has to read as that one request (reliability: 1.14).
// Fields of the connection, and names that are none, the library has refused.
func illFormed(r *http.Request, host string) Failure {
	if r.Method == "PRI" || !strings.HasPrefix(r.RequestURI, "/") && r.RequestURI != "*" {
		return BadRequest
	}
	b := append(make([]byte, 0, 512), r.Method+" "+r.RequestURI+" HTTP/1.1\r\nHost: "+host+"\r\n"...)
	for name, values := range r.Header {
		for _, v := range values {
			if strings.Trim(v, " \t") != v || name == "Host" && v != host {
				return BadRequest
			}
			if name != "Host" {
				b = appendField(b, name, v)
			}
		}
	}
	var head h1.Request
	b = append(b, "\r\n"...)
	switch n, fault := head.Parse(b, 0, &h1.ClientLimits); {
	case fault != h1.None:
		return faultOf(fault)
	case n != len(b), head.Length > 0 && r.ContentLength == 0: // a body was announced, and the request ended without
		return BadRequest
	}
	r.Header.Del("Host")
	return OK
}

// stream is a response on a connection with others. The library's deadlines for a stream run on while nobody reads or writes, and its
// connection is all streams': here a deadline is for what is being read or written, and bytes are the stream's own.
type stream struct {
	http.ResponseWriter
	library *http.ResponseController
	conn    *clientConn
	in      atomic.Uint64
	out     uint64
	body    bool // some of it was written

	mu    sync.Mutex
	over  bool        // the library may not be asked for anything any more
	hear  time.Time   // the deadline for reading
	until time.Time   // and for writing
	watch *time.Timer // is set while something is written
	late  bool        // the client did not take it in time
}

// SetWriteDeadline bounds what is written from now on.
func (s *stream) SetWriteDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until = t
	return nil
}

// taken is until when the client has time to take what is written. All that runs on its connection shares what it takes: it has the time of all.
func (s *stream) taken() time.Time {
	return s.until.Add(time.Duration(s.conn.others()) * s.conn.proxy.o.Timeouts.Client)
}

// SetReadDeadline bounds what is read from now on.
func (s *stream) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hear = t
	return nil
}

// Unwrap is for the library.
func (s *stream) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// WriteHeader keeps the connection, where that is not about to end: other requests run on it.
func (s *stream) WriteHeader(status int) {
	h := s.Header()
	if !s.conn.ending() {
		h.Del("Connection")
	}
	if status < http.StatusOK { // which has no length, but this has the library write a copy: it may not be done when the stream has ended and h changes
		h["Content-Length"] = nil
	}
	for name, values := range h {
		for _, v := range values {
			s.out += uint64(len(name) + len(v))
		}
	}
	s.ResponseWriter.WriteHeader(status)
}

func (s *stream) Write(b []byte) (n int, err error) {
	s.body = true
	err = s.inTime(func() error { n, err = s.ResponseWriter.Write(b); return err })
	s.out += uint64(n)
	return n, err
}

// FlushError is Flush as http.ResponseController has it.
func (s *stream) FlushError() error { return s.inTime(s.library.Flush) }

// inTime does what waits for the client.
func (s *stream) inTime(do func() error) error {
	s.mu.Lock()
	s.watch = time.AfterFunc(time.Until(s.taken()), s.overdue)
	s.mu.Unlock()
	err := do()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watch.Stop()
	s.watch = nil
	if s.late { // of which the library says only that the stream has ended
		return os.ErrDeadlineExceeded
	}
	return err
}

// overdue ends the stream, unless others came to share the connection meanwhile.
func (s *stream) overdue() {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch left := time.Until(s.taken()); {
	case s.watch == nil: // it was written just now
	case left > 0:
		s.watch.Reset(left)
	default:
		s.late = true
		s.library.SetWriteDeadline(time.Unix(1, 0))
	}
}

// end leaves the rest to the library. What it has of the body is sent before, as long as that may wait for the client; nothing else does.
func (s *stream) end() {
	if s.body {
		s.FlushError()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
}

// streamBody is the body of a request on a connection with others. It may still be read when the request was answered.
type streamBody struct {
	io.ReadCloser
	stream *stream
}

func (b *streamBody) Read(p []byte) (int, error) {
	if !b.stream.listen(true) {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := b.ReadCloser.Read(p)
	b.stream.listen(false)
	b.stream.in.Add(uint64(n))
	return n, err
}

// listen sets the deadline for reading, or lifts it; false if there is nothing more to be read.
func (s *stream) listen(on bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return false
	}
	until := s.hear
	if !on {
		until = time.Time{}
	}
	s.library.SetReadDeadline(until)
	return true
}
