package differential_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"marathon-lb/internal/route"
)

const patience = 60 * time.Second

// dial opens the connection to a side on which the question is asked, and says who it is from, where a proxy is to say so.
func (q question) dial(side netip.Addr) (net.Conn, error) {
	from := q.source
	if q.listener.Options.AcceptProxy { // the proxy's own
		from = "127.0.0.1"
	}
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
	conn, err := dialer.Dial("tcp", netip.AddrPortFrom(side, q.listener.Bind.Port()).String())
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(patience))
	if q.listener.Options.AcceptProxy {
		fmt.Fprintf(conn, "PROXY TCP4 %s 198.51.100.7 40000 %d\r\n", q.source, q.listener.Bind.Port()) // the exchange fails if this did
	}
	if !q.listener.TLS {
		return conn, nil
	}
	return q.secured(conn)
}

// secured is the connection with TLS in it, and with HTTP/2 agreed on if the question is to be asked in it.
func (q question) secured(conn net.Conn) (net.Conn, error) {
	c := &tls.Config{InsecureSkipVerify: true, ServerName: q.sni}
	if q.http2 {
		c.NextProtos = []string{"h2"}
	}
	inside := tls.Client(conn, c)
	err := inside.Handshake()
	if q.http2 && err == nil && inside.ConnectionState().NegotiatedProtocol != "h2" {
		err = errors.New("HTTP/2 is not spoken here")
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return inside, nil
}

// exchange asks in HTTP/1.
func (q question) exchange(conn net.Conn) (*http.Response, error) {
	if _, err := io.WriteString(conn, q.text); err != nil {
		return nil, err
	}
	return http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: q.method})
}

// exchange2 asks in HTTP/2.
func (q question) exchange2(conn net.Conn) (*http.Response, error) {
	r, err := q.request()
	if err != nil {
		return nil, err
	}
	client := http.Transport{
		Protocols: new(http.Protocols), DisableCompression: true, // which the client would ask for by itself
		DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil },
	}
	client.Protocols.SetHTTP2(true)
	return client.RoundTrip(r)
}

// ofHTTP1 are fields that HTTP/2 does not have (RFC 9113, 8.2.2).
var ofHTTP1 = []string{"Connection", "Upgrade", "Keep-Alive", "Proxy-Connection", "Http2-Settings"}

// fitsHTTP2 says that the question, which is written in HTTP/1, can be asked in HTTP/2.
func (q question) fitsHTTP2() bool {
	l := q.listener
	if !l.TLS || l.Mode != route.HTTP || !strings.HasPrefix(l.Options.ALPN, "h2") {
		return false
	}
	r, err := q.request()
	return err == nil && r.ProtoAtLeast(1, 1) && r.Host != "" && !absolute.MatchString(q.text) &&
		!slices.ContainsFunc(ofHTTP1, func(name string) bool { return r.Header[name] != nil })
}

// request is the question for Go's client.
func (q question) request() (*http.Request, error) {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(q.text)))
	if err != nil {
		return nil, err
	}
	r.URL = &url.URL{Scheme: "https", Host: r.Host, Opaque: "//" + r.Host + r.RequestURI} // whose path is sent as it is
	r.RequestURI = ""                                                                     // which a client may not set
	return r, nil
}
