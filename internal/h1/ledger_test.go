package h1_test

import (
	"strings"
	"testing"

	"marathon-lb/internal/h1"
)

// Each row is a hole that another proxy or server had. Whatever was hidden in it has to be refused here, at every split of the bytes.
func TestHolesOfOthersAreNoneHere(t *testing.T) {
	post := func(lines ...string) string { return crlf(append([]string{"POST / HTTP/1.1", "Host: a"}, lines...)...) }
	long := "Content-Length0" + strings.Repeat("a", 256-len("Content-Length0")) // a name whose length is 0 in eight bits
	for _, c := range []struct{ hole, raw string }{
		{"HAProxy CVE-2023-25725: an empty name ends the head", post(": x", "Content-Length: 5")},
		{"HAProxy CVE-2023-40225: an empty length beside a full one", post("Content-Length:", "Content-Length: 5")},
		{"HAProxy CVE-2021-40346: two lengths, one of them hidden", post(long+":", "Content-Length: 0", "Content-Length: 23")},
		{"fasthttp 2187: a space before the colon", post("Transfer-Encoding : chunked")},
		{"fasthttp 2303: two codings", post("Transfer-Encoding: chunked", "Transfer-Encoding: identity")},
		{"fasthttp 2167: any version", "GET / HTTP/1.9\r\nHost: a\r\n\r\n"},
		{"fasthttp 2168: any byte in a target", "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"fasthttp 2077: several ports", crlf("GET / HTTP/1.1", "Host: a:80:81")},
		{"fasthttp 2330, Pingora CVE-2026-2835: a coding in HTTP/1.0", crlf("POST / HTTP/1.0", "Host: a", "Transfer-Encoding: chunked")},
		{"fasthttp 2343: a length that wraps", post("Content-Length: 18446744073709551621")},
		{"Pingora CVE-2026-2835: a list of codings", post("Transfer-Encoding: identity, chunked")},
		{"tinyproxy CVE-2026-54387, tiny-http CVE-2026-66752: the value's end", post("Transfer-Encoding: x-chunked")},
		{"sozu: the value's beginning", post("Transfer-Encoding: chunked-x")},
		{"the value's case, with a length", post("Transfer-Encoding: CHUNKED", "Content-Length: 5")},
		{"Caddy, Traefik: a body after CONNECT", crlf("CONNECT a:443 HTTP/1.1", "Host: a:443", "Content-Length: 5")},
		{"a fold that hides a coding", post("X: y", " Transfer-Encoding: chunked")},
		{"a coding on a folded line", post("Transfer-Encoding:", " chunked")},
		{"a vertical tab before a coding", post("Transfer-Encoding: \x0bchunked")},
		{"a bare CR that hides a length", post("X: y\rContent-Length: 5")},
		{"a bare LF that hides a length", post("X: y\nContent-Length: 5")},
		{"a NUL in a name", post("Content-\x00Length: 5")},
		{"a first field that is folded", "POST / HTTP/1.1\r\n X: y\r\nHost: a\r\n\r\n"},
		{"an authority that hides the host", crlf("GET http://a@b/ HTTP/1.1", "Host: a")},
	} {
		if n, f, text := everySplit(t, requests(h1.ClientLimits), c.raw); n != 0 || f == h1.None {
			t.Errorf("%s: %s", c.hole, text)
		}
	}
	for _, c := range []struct{ hole, raw string }{
		{"Go CVE-2025-22871: a bare LF ends a chunk's line", "5;\nhello\r\n0\r\n\r\n"},
		{"fasthttp 1899, 2165: a newline in an extension", "5;a\nb\r\nhello\r\n0\r\n\r\n"},
		{"fasthttp 2193: a space before an extension", "5 ;a\r\nhello\r\n0\r\n\r\n"},
		{"fasthttp 2043, 2188: names of trailers", "0\r\nA b: c\r\n\r\n"},
		{"Kestrel CVE-2025-55315: a bare CR in an extension", "5;a\rb\r\nhello\r\n0\r\n\r\n"},
		{"h11 CVE-2025-43859: any two bytes behind a chunk", "5\r\nhelloXX0\r\n\r\n"},
		{"Go CVE-2023-39326: extensions to no end", strings.Repeat("1;"+strings.Repeat("a", 200)+"\r\nx\r\n", 100) + "0\r\n\r\n"},
		{"a size that wraps", "10000000000000005\r\nhello\r\n0\r\n\r\n"},
		{"a last chunk without its line", "0\r\nGET /admin HTTP/1.1\r\n\r\n"},
	} {
		b := h1.NewBody(h1.Chunked, 0)
		if sent, _, done, f := feed(t, &b, false, strings.Split(c.raw, "")...); f == h1.None || done {
			t.Errorf("%s: %q is sent on", c.hole, sent)
		}
	}
	for _, c := range []struct{ hole, raw string }{
		{"fasthttp 2294: two lengths in an answer", crlf("HTTP/1.1 200 OK", "Content-Length: 5", "Content-Length: 6")},
		{"fasthttp 2192: an unknown coding in an answer", crlf("HTTP/1.1 200 OK", "Transfer-Encoding: x")},
		{"Pingora CVE-2026-2833, Traefik CVE-2026-88008: a tunnel nobody asked for", crlf("HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: h2c")},
	} {
		if n, f, text := everySplit(t, responses(h1.To{}), c.raw); n != 0 || f == h1.None {
			t.Errorf("%s: %s", c.hole, text)
		}
	}
}

// What is passed on keeps its framing, and what a name's length does to a small counter it does not do here.
func TestWhatOthersLostIsKept(t *testing.T) {
	var r h1.Request
	raw := crlf("DELETE / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked") // node-http-proxy CVE-2026-29057
	if _, f := r.Parse([]byte(raw), 0, &h1.ClientLimits); f != h1.None || r.Framing != h1.Chunked {
		t.Errorf("DELETE with chunks: %v, %v", f, r.Framing)
	}
	name := strings.Repeat("a", 270) // HAProxy CVE-2021-40346
	raw = crlf("POST / HTTP/1.1", "Host: a", name+": b", "Content-Length: 5")
	if _, f := r.Parse([]byte(raw), 0, &h1.ClientLimits); f != h1.None || r.Length != 5 || string(r.Fields[1].Name) != name {
		t.Errorf("a long name: %v, length %d", f, r.Length)
	}
	raw = crlf("GET / HTTP/1.1", "Host: a", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: x") // Traefik CVE-2026-88008
	if _, f := r.Parse([]byte(raw), 0, &h1.ClientLimits); f != h1.None || r.Upgrade {
		t.Errorf("h2c: %v, upgrade %v", f, r.Upgrade)
	}
}
