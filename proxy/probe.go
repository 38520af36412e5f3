package proxy

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"marathon-lb/internal/route"
)

// prober asks servers how they are.
type prober struct {
	connect time.Duration // the most a connection may take, as for a request
	tls     *tls.Config
}

const (
	probeTimeout = 20 * time.Second // where a plan has none
	mostAnswer   = 64 << 10         // bytes of an answer that are looked at
	mostInterim  = 8                // interim responses (1xx) before the answer
	mostText     = 100              // bytes of what went wrong
)

func newProber(connect time.Duration) *prober {
	return &prober{connect: connect, tls: &tls.Config{
		// A probe goes to an address: no name is there to be verified, and what it learns is no secret.
		InsecureSkipVerify: true,
		MinVersion:         tls.VersionTLS10, // old is not dead
	}}
}

// probe asks once, by a plan.
func (p *prober) probe(ctx context.Context, plan *route.Plan) route.Result {
	limit := plan.Timeout
	if limit <= 0 {
		limit = probeTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	began := time.Now()
	r := p.ask(ctx, plan)
	r.Took = time.Since(began)
	return r
}

func (p *prober) ask(ctx context.Context, plan *route.Plan) route.Result {
	dialer := net.Dialer{Timeout: p.connect, KeepAlive: -1}
	raw, err := dialer.DialContext(ctx, "tcp", plan.Addr.String())
	if err != nil {
		return failed(err, route.L4TOUT, route.L4CON)
	}
	defer raw.Close()
	defer context.AfterFunc(ctx, func() { raw.SetDeadline(time.Unix(1, 0)) })()
	if plan.Kind == route.Connect {
		raw.(*net.TCPConn).SetLinger(0) // no TIME_WAIT for each probe; HAProxy resets too
		return route.Result{Status: route.L4OK}
	}
	conn := raw
	if plan.Kind == route.GetTLS {
		secure := tls.Client(raw, p.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			return failed(err, route.L6TOUT, route.L6RSP)
		}
		conn = secure
	}
	head := cmp.Or(plan.Method, "GET") + " " + target(plan.Path) + " HTTP/1.1\r\nHost: " + cmp.Or(plan.Host, plan.Addr.String()) +
		"\r\n" + plan.Fields + "User-Agent: marathon-lb\r\nConnection: close\r\n\r\n"
	if _, err := io.WriteString(conn, head); err != nil {
		return failed(err, route.L7TOUT, route.L7RSP)
	}
	return answer(conn, plan.Expect)
}

// answer reads the head of a response: from 200 to 399 is good, or what is expected.
func answer(conn io.Reader, expect string) route.Result {
	in := bufio.NewReader(io.LimitReader(conn, mostAnswer))
	for range mostInterim {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			return failed(err, route.L7TOUT, route.L7RSP)
		}
		switch code := resp.StatusCode; {
		case code < 100: // the library takes three digits, whatever they are
			return route.Result{Status: route.L7RSP, Text: brief("Bad status " + resp.Status)}
		case code >= 100 && code < 200 && code != http.StatusSwitchingProtocols:
		case expected(expect, code):
			return route.Result{Status: route.L7OK, Code: code}
		default:
			return route.Result{Status: route.L7STS, Code: code, Text: reason(resp)}
		}
	}
	return route.Result{Status: route.L7RSP, Text: "Interim responses only"}
}

// expected says whether a status is good: expect is numbers and ranges with commas.
func expected(expect string, code int) bool {
	for part := range strings.SplitSeq(cmp.Or(expect, "200-399"), ",") {
		low, high, isRange := strings.Cut(part, "-")
		from, _ := strconv.Atoi(low)
		to := from
		if isRange {
			to, _ = strconv.Atoi(high)
		}
		if from <= code && code <= to {
			return true
		}
	}
	return false
}

// reason is the phrase behind the status code.
func reason(r *http.Response) string {
	_, phrase, _ := strings.Cut(r.Status, " ")
	return brief(phrase)
}

// target is a path as it may stand in a request: foreign text, in which whatever has no place there is escaped.
func target(path string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	if !strings.HasPrefix(path, "/") {
		b.WriteByte('/')
	}
	for _, c := range []byte(path) {
		if c > ' ' && c < 0x7f && c != '#' {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

// failed is the result of a probe that met an error: late is its word if it was time that ran out.
func failed(err error, late, bad route.CheckStatus) route.Result {
	var system syscall.Errno
	var network net.Error
	switch isErrno := errors.As(err, &system); {
	case isErrno && ours(system):
		return route.Result{Status: route.SOCKERR, Text: brief(system.Error())}
	case isErrno && system != syscall.ETIMEDOUT:
		return route.Result{Status: bad, Text: brief(system.Error())}
	case isErrno, errors.As(err, &network) && network.Timeout():
		return route.Result{Status: late}
	}
	return route.Result{Status: bad, Text: brief(err.Error())}
}

// ours says that this machine lacks something; the server has nothing to do with it.
func ours(e syscall.Errno) bool {
	switch e {
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL:
		return true
	}
	return false
}

// brief is a message as the C library words it, "Connection refused", and not too long: it may quote what the server sent.
func brief(s string) string {
	s = strings.ToValidUTF8(s[:min(len(s), mostText)], "?")
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
