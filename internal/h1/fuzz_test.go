package h1_test

import (
	"bytes"
	"io"
	"net/http/httputil"
	"slices"
	"strings"
	"testing"

	"marathon-lb/internal/h1"
)

// seeds are beginnings for the fuzzer: each kind of framing, and the vectors that other proxies fell for.
var seeds = []string{
	browser, answer,
	crlf("POST /a?b HTTP/1.1", "Host: a", "Content-Length: 5") + "helloGET / HTTP/1.1\r\nHost: b\r\n\r\n",
	crlf("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", "Trailer: X") + "5;a=b\r\nhello\r\n0\r\nX: y\r\nHost: z\r\n\r\nGET",
	crlf("POST / HTTP/1.1", "Host: a", "Content-Length: 5", "Transfer-Encoding: chunked") + "0\r\n\r\n",
	crlf("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: xchunked", "Transfer-Encoding : chunked", "Content-Length:"),
	crlf("GET http://b:80/c HTTP/1.1", "Host: a", "Connection: close, Content-Length", "Content-Length: 3") + "abc",
	crlf("GET / HTTP/1.1", "Host: [::1]:80", "Connection: Upgrade", "Upgrade: websocket, h2c", "Pragma: no-cache", "TE: trailers", "Expect: 100-continue"),
	"\r\nOPTIONS * HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	"GET / HTTP/1.1\nHost: a\n\n", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/1.1\r\n: x\r\nHost: a\r\n\tb\r\n\r\n",
	crlf("HTTP/1.1 200 OK", "Transfer-Encoding: chunked") + "1\r\na\r\n0\r\n\r\n", crlf("HTTP/1.1 204") + "x", crlf("HTTP/1.0 200 OK") + "until the end",
	crlf("HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket") + "\x81\x00", crlf("HTTP/1.1 200 OK", "Content-Length: 1", "Content-Length: 2") + "ab",
}

func FuzzRequestReadsAsInNetHTTP(f *testing.F) {
	for i, s := range seeds {
		f.Add([]byte(s), uint16(i*7))
	}
	f.Fuzz(func(t *testing.T, data []byte, cut uint16) { requestReadsAsInNetHTTP(t, data, cut) })
}

func FuzzAnswerReadsAsInNetHTTP(f *testing.F) {
	for i, s := range seeds {
		f.Add([]byte(s), uint16(i*7), uint8(i))
	}
	f.Fuzz(func(t *testing.T, data []byte, cut uint16, kind uint8) { answerReadsAsInNetHTTP(t, data, cut, kind) })
}

func FuzzChunksReadAsInNetHTTP(f *testing.F) {
	for i, s := range []string{"5\r\nhello\r\n0\r\n\r\n", "0005;a=\"b;c\"\r\nhello\r\n0;\r\nX: y\r\nHost: a\r\n\r\nGET", "5 \r\nhello\n", "8000000000000000\r\n", "1\r\na\r\n\r\n0\n\n", "f;\n\r\n"} {
		f.Add([]byte(s), uint16(i), uint16(i*3))
	}
	f.Fuzz(func(t *testing.T, data []byte, one, two uint16) {
		cuts := []int{int(one) % (len(data) + 1), int(two) % (len(data) + 1)}
		slices.Sort(cuts)
		for _, plain := range []bool{false, true} {
			a, b := h1.NewBody(h1.Chunked, 0), h1.NewBody(h1.Chunked, 0)
			sent, n, done, fault := feed(t, &a, plain, string(data))
			sent2, n2, done2, fault2 := feed(t, &b, plain, string(data[:cuts[0]]), string(data[cuts[0]:cuts[1]]), string(data[cuts[1]:]))
			if fault2 != fault || fault == h1.None && (sent2 != sent || n2 != n || done2 != done) {
				t.Fatalf("%q, %d, %v, %v; cut at %v: %q, %d, %v, %v; of %q", sent, n, done, fault, cuts, sent2, n2, done2, fault2, data)
			}
			if !done {
				continue
			}
			want, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(data)))
			if err != nil {
				if !strings.Contains(err.Error(), "too much non-data") && !strings.Contains(err.Error(), "line too long") {
					t.Fatalf("%q: there %v", data, err)
				}
				continue
			}
			content, ok := sent, true
			if !plain {
				content, ok = canonical(sent)
			}
			if !ok || content != string(want) {
				t.Fatalf("%q, plain %v: %q is sent on, there it is %q", data, plain, sent, want)
			}
		}
	})
}
