package proxy

import (
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"marathon-lb/internal/h1"
)

// httpEngine is HTTP on the standard library: it parses and frames, all decisions are elsewhere.
type httpEngine struct {
	proxy   *Proxy
	buffers sync.Pool // of *[]byte
}

const copyBuffer = 32 << 10

// newHTTPEngine makes the engine; each port gets a server of it.
func newHTTPEngine(p *Proxy) *httpEngine {
	return &httpEngine{proxy: p, buffers: sync.Pool{New: func() any { b := make([]byte, copyBuffer); return &b }}}
}

type connKey struct{}

func (e *httpEngine) server() *http.Server {
	only1 := new(http.Protocols)
	only1.SetHTTP1(true)
	return &http.Server{
		Handler:                      e,
		ReadHeaderTimeout:            e.proxy.o.Timeouts.Head,
		IdleTimeout:                  e.proxy.o.Timeouts.KeepAlive,
		MaxHeaderBytes:               mostHead,
		Protocols:                    only1,
		DisableGeneralOptionsHandler: true, // OPTIONS * is the server's to answer
		ErrorLog:                     zap.NewStdLog(e.proxy.zap.WithOptions(zap.IncreaseLevel(zap.WarnLevel))),
		ConnContext:                  func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
		ConnState: func(c net.Conn, s http.ConnState) {
			if s == http.StateIdle { // the response is flushed
				c.(*clientConn).flushed()
			}
		},
	}
}

// ServeHTTP answers one request. Its exchange is finished when the connection has flushed the response, or is closed.
func (e *httpEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := connOf(r)
	if c.spent.Load() {
		panic(http.ErrAbortHandler)
	}
	x := &exchange{request: requestOf(r, c), line: r.Method + " " + r.RequestURI + " " + r.Proto}
	e.proxy.begin(x, c.port.bind, time.Now())
	defer c.serve(x)()
	whole := false
	defer func() {
		if !whole { // the library cuts the connection, but not before what is being read has come to its end
			c.hearUntil(time.Unix(1, 0))
		}
	}()
	e.answer(w, r, c, x)
	if whole = true; r.ContentLength != 0 {
		e.rest(w, r, c)
	}
}

// connOf is the connection that a request came on.
func connOf(r *http.Request) *clientConn { return r.Context().Value(connKey{}).(*clientConn) }

// isPreface says that the request is how a connection in HTTP/2 begins, on a port where HTTP/1 is spoken.
func isPreface(r *http.Request) bool { return r.Method == "PRI" && r.ProtoMajor == 2 }

// answer does with a request what was decided.
func (e *httpEngine) answer(w http.ResponseWriter, r *http.Request, c *clientConn, x *exchange) {
	f := &flight{engine: e, exchange: x, conn: c, w: w, in: r, control: http.NewResponseController(w), leave: func() {}}
	f.control.EnableFullDuplex() // an answer may come before the whole request was sent
	failed, proof := e.proxy.gate.look(x)
	if proof != nil {
		failed = e.proxy.gate.check(r.Context(), proof)
	}
	if c.unverified(x.front) {
		failed = Closed
	}
	if c.late {
		failed = NoMemory
	}
	if failed != OK {
		x.action.Failure = failed
	}
	if !isPreface(r) {
		x.action.obey(&x.request, true, e.proxy.o.TrustedProxies, nil)
	}
	switch {
	case x.action.Failure != OK:
		f.refuse(x.action.Failure)
	case isPreface(r):
		f.preface()
	default:
		f.run()
	}
}

// requestOf is the request as the policy sees it.
func requestOf(r *http.Request, c *clientConn) Request {
	target := r.RequestURI
	if i := strings.Index(target, "://"); i > 0 && !strings.HasPrefix(target, "/") { // absolute-form: the rest begins at the path
		target = target[i+3:]
		if j := strings.IndexAny(target, "/?"); j >= 0 {
			target = target[j:]
		} else {
			target = ""
		}
	}
	path, query := target, ""
	if i := strings.IndexByte(target, '?'); i >= 0 {
		path, query = target[:i], target[i:]
	}
	if path == "" {
		path = "/"
	}
	host := r.Host
	if host == "" && !isPreface(r) { // what SNI names then is the best there is
		host = c.serverName
	}
	return Request{
		Method: r.Method, Host: host, Path: path, Query: query, Fields: fieldsOf(r.Header),
		Source: c.source, Local: c.local, From: c.from, Port: c.onPort, TLS: c.wire != nil,
		Old: !r.ProtoAtLeast(1, 1), HTTP2: r.ProtoMajor == 2, Body: r.ContentLength != 0 || r.Header.Get("Content-Length") != "",
	}
}

func fieldsOf(h http.Header) []Field {
	fields := make([]Field, 0, len(h))
	for name, values := range h {
		for _, v := range values {
			fields = append(fields, Field{name, v})
		}
	}
	return fields
}

func headerOf(fields []Field) http.Header {
	h := make(http.Header, len(fields))
	for _, f := range fields {
		h.Add(f.Name, f.Value)
	}
	return h
}

// apply makes the edits in a head.
func apply(h http.Header, edits []Edit) {
	for _, e := range edits {
		switch e.Op {
		case Remove:
			h.Del(e.Name)
		case RemoveHopByHop:
			for _, name := range hopByHop {
				h.Del(name)
			}
		case Add:
			h.Add(e.Name, e.Value)
		case Set:
			h.Set(e.Name, e.Value)
		}
	}
}

// refuse answers with the page of a failure, or cuts the connection where the client cannot be told any more.
func (x *exchange) refuse(w http.ResponseWriter, f Failure) {
	x.fail(f)
	if f.row().status == 0 {
		panic(http.ErrAbortHandler) // the library's way to cut the connection
	}
	x.status = x.action.status(f)
	respond(w, f, x.action)
}

// flight is an HTTP exchange on its way through the engine.
type flight struct {
	engine   *httpEngine
	exchange *exchange
	conn     *clientConn
	w        http.ResponseWriter
	control  *http.ResponseController
	in       *http.Request
	body     *requestBody // nil if the request has none
	stall    *time.Timer  // ends the flight when the server makes no progress
	leave    func()       // ends being among what runs on the server
	begun    bool         // a part of the response was sent

	interim sync.Mutex // guards w while 1xx responses may come
	open    bool       // they may
	passed  bool       // one came
}

// Why a flight was ended from our side.
var (
	errServerTimeout = errors.New("the server made no progress in time")
	errServerGone    = errors.New("the server is gone")
)

func (f *flight) run() {
	ctx, cancel := context.WithCancelCause(f.in.Context())
	defer cancel(nil)
	f.stall = time.AfterFunc(f.exchange.timeouts().Server, func() { cancel(errServerTimeout) })
	defer f.stall.Stop()
	defer func() { f.leave(); f.body.end() }()
	resp := f.attempt(ctx, cancel)
	if resp != nil {
		defer resp.Body.Close()
		if resp.StatusCode == statusSwitching {
			f.switchProtocols(resp)
			return
		}
		f.respond(ctx, resp)
	}
}

// attempt sends the request to one server after the other until a response comes; nil if none does and the client knows.
func (f *flight) attempt(ctx context.Context, cancel context.CancelCauseFunc) *http.Response {
	x := f.exchange
	var choice attempts
	choice.begin(x)
	out := f.outgoing(ctx)
	f.stall.Stop()
	failed := x.await(ctx)
	if failed != OK {
		f.refuse(failed)
		return nil
	}
	failed = NoServer
	for t, ok := choice.first(); ok; t, ok = choice.again(failed) {
		f.leave() // the server tried before, whose end must not end this
		f.stall.Stop()
		var why Failure
		if t, why = choice.ready(ctx, t, failed); why != OK {
			failed = why
			break
		}
		x.take(t, time.Now())
		f.stall.Reset(x.timeouts().Server)
		up := x.proxy.upstreams.to(t.server, x.timeouts().Connect)
		f.leave = up.run(x, running{cut: func(Failure) { cancel(errServerGone) }})
		f.openInterim()
		resp, err := up.roundTrip(x, out)
		answered := f.closeInterim()
		if err == nil {
			if failed = f.check(resp); failed == OK {
				x.answer(time.Now())
				return resp
			}
			resp.Body.Close()
			break
		}
		if failed = f.classify(ctx, err); answered || f.body.touched() {
			break
		}
	}
	f.refuse(failed)
	return nil
}

// pause waits; false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	if d == 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// refuse tells the client of a failure, if it can still be told.
func (f *flight) refuse(why Failure) {
	f.control.SetWriteDeadline(time.Now().Add(f.engine.proxy.o.Timeouts.Client))
	f.exchange.refuse(f.w, why)
}

// outgoing is the request as the server will see it. Each try takes it as it is: a try that fails before its head was written
// leaves the body untouched.
func (f *flight) outgoing(ctx context.Context) *http.Request {
	x, in := f.exchange, f.in
	out := in.WithContext(httptrace.WithClientTrace(ctx, f.trace()))
	path := upstreamPath(x.request.Path, x.action.Backend.Spec.Rewrite.Strip)
	out.URL = &url.URL{Scheme: "http", Host: "server", Opaque: path, RawQuery: strings.TrimPrefix(x.request.Query, "?"),
		ForceQuery: x.request.Query == "?"}
	if strings.HasPrefix(path, "//") { // an opaque part must not look like an authority
		path = escapeStrange(path)
		out.URL.Opaque, out.URL.RawPath = "", path
		out.URL.Path, _ = url.PathUnescape(path)
	}
	out.RequestURI, out.Close = "", x.serverClose() && !x.request.upgrades()
	out.Host = cmp.Or(x.action.Backend.Spec.Rewrite.Host, out.Host)
	if out.Host == "" { // HTTP/1.0: the library would make one up
		out.Host = cmp.Or(x.request.Host, x.request.Local.String())
	}
	out.Header = in.Header.Clone()
	if x.action.asked != nil {
		out.Host, out.Header = cmp.Or(x.action.Backend.Spec.Rewrite.Host, x.request.Host), headerOf(x.request.Fields)
	}
	apply(out.Header, requestEdits(nil, &x.request, x.action.Backend, x.proxy.o.TrustedProxies))
	if _, ok := out.Header["User-Agent"]; !ok {
		out.Header["User-Agent"] = []string{""} // keeps the library from naming itself
	}
	// What cannot be a trailer's name will not come, and the library would send no request that announces it.
	maps.DeleteFunc(out.Trailer, func(name string, _ []string) bool { return !h1.IsToken(name) })
	if out.ContentLength == 0 {
		out.Body = nil
	} else {
		f.body = &requestBody{flight: f, from: in.Body}
		out.Body = f.body
	}
	return out
}

func (f *flight) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) {
			f.exchange.connect(i.Reused, time.Now())
		},
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			f.passInterim(code, h)
			return nil
		},
	}
}

// passInterim passes a 1xx response on, but not 100, which the library sends when the body is asked for.
func (f *flight) passInterim(code int, h textproto.MIMEHeader) {
	f.interim.Lock()
	defer f.interim.Unlock()
	if !f.open || code == http.StatusContinue || !f.in.ProtoAtLeast(1, 1) {
		return
	}
	f.passed = true
	into := f.w.Header()
	for name, values := range h {
		into[name] = values
	}
	apply(into, removeHopByHop(nil, fieldsOf(into)))
	f.control.SetWriteDeadline(time.Now().Add(f.engine.proxy.o.Timeouts.Client))
	f.w.WriteHeader(code)
	clear(into)
}

func (f *flight) openInterim() {
	f.interim.Lock()
	f.open = true
	f.interim.Unlock()
}

// closeInterim ends the time in which 1xx responses are passed on, and says whether there was one: the server has answered then.
func (f *flight) closeInterim() (answered bool) {
	f.interim.Lock()
	defer f.interim.Unlock()
	f.open = false
	return f.passed
}

// check refuses a switch of protocols that nobody asked for.
func (f *flight) check(resp *http.Response) Failure {
	if resp.StatusCode != statusSwitching {
		return OK
	}
	if !f.exchange.request.upgrades() || !hasToken(resp.Header.Get("Upgrade"), "websocket") {
		return BadResponse
	}
	return OK
}

// respond sends the response's head and body.
func (f *flight) respond(ctx context.Context, resp *http.Response) {
	x, h := f.exchange, f.w.Header()
	for name, values := range resp.Header {
		h[name] = values
	}
	fields := fieldsOf(resp.Header)
	edits, to, compressed := responseEdits(nil, resp.StatusCode, fields, &x.request, x.action, x.try), io.Writer(f.w), false
	if x.action.gzip != nil && (resp.ContentLength > 0 || slices.Contains(resp.TransferEncoding, "chunked")) && len(resp.Trailer) == 0 {
		edits, compressed = x.action.compress(edits, resp.StatusCode, fields)
	}
	if compressed {
		x.squeezer = newSqueezer(f.w)
		to = x.squeezer
	}
	apply(h, edits)
	for _, name := range []string{"Date", "Content-Type"} {
		if _, ok := h[name]; !ok {
			h[name] = nil // keeps the library from adding its own
		}
	}
	if f.conn.port.leaving.Load() || x.proxy.memory.tight() || x.clientClose() {
		h.Set("Connection", "close")
	}
	announced := len(resp.Trailer)
	for name := range resp.Trailer {
		h.Add("Trailer", name)
	}
	x.status, f.begun = resp.StatusCode, true
	f.w.WriteHeader(resp.StatusCode)
	if resp.ContentLength < 0 { // a stream, whose first byte may be long in coming
		f.control.SetWriteDeadline(time.Now().Add(x.timeouts().Client))
		f.control.Flush()
	}
	if failed := f.copyBody(ctx, resp.Body, to); failed != OK {
		x.fail(failed)
		panic(http.ErrAbortHandler) // a cut response must look cut
	}
	f.trailers(resp, announced)
}

// copyBody passes the body on as it comes, to the client or to what compresses it: what has arrived is flushed before more is waited for.
func (f *flight) copyBody(ctx context.Context, body io.Reader, to io.Writer) Failure {
	t := f.exchange.timeouts()
	buf := f.engine.buffers.Get().(*[]byte)
	defer f.engine.buffers.Put(buf)
	for {
		f.stall.Reset(t.Server)
		n, err := body.Read(*buf)
		f.stall.Stop()
		f.control.SetWriteDeadline(time.Now().Add(t.Client)) // for the end too, which the library writes
		if n > 0 {
			if _, werr := to.Write((*buf)[:n]); werr != nil && !errors.Is(werr, http.ErrBodyNotAllowed) {
				return writeFailure(werr)
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			if z := f.exchange.squeezer; z != nil {
				if err := z.Close(); err != nil {
					return writeFailure(err)
				}
			}
			return OK
		case err != nil:
			return f.classify(ctx, err)
		case n < len(*buf):
			if err := f.control.Flush(); err != nil {
				return writeFailure(err)
			}
		}
	}
}

// trailers sends those announced, then those that came as a surprise.
func (f *flight) trailers(resp *http.Response, announced int) {
	if len(resp.Trailer) == 0 {
		return
	}
	for name, values := range resp.Trailer {
		if len(resp.Trailer) != announced && !slices.Contains(f.w.Header()["Trailer"], name) {
			name = http.TrailerPrefix + name
		}
		for _, v := range values {
			f.w.Header().Add(name, v)
		}
	}
}
