package stats

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"marathon-lb/internal/route"
)

// own is the proxy "stats", that is this server, as it counts itself. Its frontend counts connections and requests; its backend,
// which has no server, gets the requests for which there is nothing here (HAProxy answers those with 503).
type own struct {
	bind        netip.AddrPort
	front, back *route.Stats
}

func newOwn(bind netip.AddrPort, now time.Time) *own {
	return &own{bind: bind, front: route.NewStats(1, route.StatsIID, now), back: route.NewStats(1, route.StatsIID, now)}
}

func (o *own) both(c route.Count, n int) {
	o.front.Add(0, c, uint64(n))
	o.back.Add(0, c, uint64(n))
}

// counting is next with each request counted. next marks the codeWriter it gets when it has nothing to answer with.
func (o *own) counting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.front.ReqRate.Add(time.Now().UnixNano())
		o.front.Add(0, route.Requests, 1)
		cw := &codeWriter{ResponseWriter: w, code: http.StatusOK}
		next.ServeHTTP(cw, r)
		o.front.Add(0, route.RespClass(cw.code), 1)
		if !cw.missed {
			o.front.Add(0, route.Intercepted, 1)
			return
		}
		o.back.Touch(time.Now().UnixNano())
		for _, c := range []route.Count{route.Sessions, route.Requests, route.ErrConn, route.RespClass(cw.code)} {
			o.back.Add(0, c, 1)
		}
	})
}

// codeWriter remembers the status code, and whether the request fell through to the backend.
type codeWriter struct {
	http.ResponseWriter
	code   int
	missed bool
}

func (w *codeWriter) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

// listener counts the connections it accepts.
type listener struct {
	net.Listener
	own *own
}

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	now, f := time.Now().UnixNano(), l.own.front
	f.Add(0, route.Connections, 1)
	f.Add(0, route.Sessions, 1)
	f.Touch(now)
	f.ConnRate.Add(now)
	f.Sessions.Inc()
	return &conn{Conn: c, own: l.own}, nil
}

// conn counts its bytes as they pass.
type conn struct {
	net.Conn
	own    *own
	closed sync.Once
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.own.both(route.BytesIn, n)
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.own.both(route.BytesOut, n)
	return n, err
}

func (c *conn) Close() error {
	c.closed.Do(func() { c.own.front.Sessions.Dec() })
	return c.Conn.Close()
}
