package h1_test

import (
	"fmt"
	"strings"
	"testing"

	"marathon-lb/internal/h1"
)

const host = "\r\nHost: a\r\n\r\n"

func TestGoodRequestsAreReadAsWhatTheyAre(t *testing.T) {
	for _, c := range []struct{ raw, want string }{
		{"GET / HTTP/1.1" + host, `GET / /  a 1.1 [none -1 keep] Host="a"`},
		{"\r\n\r\n\r\n\r\nGET / HTTP/1.1" + host, `GET / /  a 1.1 [none -1 keep] Host="a"`},
		{"GET /a?b=c?d HTTP/1.1" + host, `GET /a?b=c?d /a ?b=c?d a 1.1 [none -1 keep] Host="a"`},
		{"GET //x/%zz\"<>|{}^`\\ HTTP/1.1" + host, "GET //x/%zz\"<>|{}^`\\ //x/%zz\"<>|{}^`\\  a 1.1 [none -1 keep] Host=\"a\""},
		{"get / HTTP/1.1" + host, `get / /  a 1.1 [none -1 keep] Host="a"`},
		{"!#$%&'*+-.^_`|~09azAZ / HTTP/1.1" + host, "!#$%&'*+-.^_`|~09azAZ / /  a 1.1 [none -1 keep] Host=\"a\""},
		{"OPTIONS * HTTP/1.1" + host, `OPTIONS * *  a 1.1 [none -1 keep] Host="a"`},
		{"GET http://b:80/c?d HTTP/1.1" + host, `GET http://b:80/c?d /c ?d b:80 1.1 [none -1 keep] Host="a"`},
		{"GET HTTPS://b?d HTTP/1.1" + host, `GET HTTPS://b?d / ?d b 1.1 [none -1 keep] Host="a"`},
		{"GET http://b HTTP/1.0\r\n\r\n", `GET http://b /  b 1.0 [none -1]`},
		{"GET / HTTP/1.0\r\n\r\n", `GET / /   1.0 [none -1]`},
		{"GET / HTTP/1.0\r\nHost:\r\nConnection: Keep-Alive\r\n\r\n", `GET / /   1.0 [none -1 keep] Host="" Connection="Keep-Alive"`},
		{crlf("GET / HTTP/1.0", "Connection: keep-alive, close"), `GET / /   1.0 [none -1] Connection="keep-alive, close"`},
		{crlf("GET / HTTP/1.1", "Host: a", "Connection: x,\tClose ,y"), `GET / /  a 1.1 [none -1] Host="a" Connection="x,\tClose ,y"`},
		{crlf("POST / HTTP/1.1", "hOsT:\t [::1]:80 \t", "content-LENGTH:007"), `POST / /  [::1]:80 1.1 [length 7 keep] hOsT="[::1]:80" content-LENGTH="007"`},
		{crlf("POST / HTTP/1.1", "Host: a", "Content-Length: 0"), `POST / /  a 1.1 [length 0 keep] Host="a" Content-Length="0"`},
		{crlf("POST / HTTP/1.1", "Host: a", "Content-Length: 9223372036854775807"), `POST / /  a 1.1 [length 9223372036854775807 keep] Host="a" Content-Length="9223372036854775807"`},
		{crlf("DELETE / HTTP/1.1", "Host: a", "Transfer-Encoding: CHunked"), `DELETE / /  a 1.1 [chunked -1 keep] Host="a" Transfer-Encoding="CHunked"`},
		{crlf("PUT / HTTP/1.1", "Host: a", "Content-Length: 1", "Expect: 100-Continue"), `PUT / /  a 1.1 [length 1 keep expect] Host="a" Content-Length="1" Expect="100-Continue"`},
		{crlf("PUT / HTTP/1.0", "Content-Length: 1", "Expect: 100-continue"), `PUT / /   1.0 [length 1] Content-Length="1" Expect="100-continue"`},
		{crlf("PUT / HTTP/1.1", "Host: a", "Expect: 200-ok"), `PUT / /  a 1.1 [none -1 keep] Host="a" Expect="200-ok"`},
		{crlf("GET / HTTP/1.1", "Host: a", "TE: gzip;q=0.5, Trailers"), `GET / /  a 1.1 [none -1 keep trailers] Host="a" TE="gzip;q=0.5, Trailers"`},
		{crlf("GET / HTTP/1.1", "Host: a", "Empty:", "V: \x80\xff\té"), `GET / /  a 1.1 [none -1 keep] Host="a" Empty="" V="\x80\xff\té"`},
	} {
		n, f, got := everySplit(t, requests(h1.ClientLimits), c.raw)
		if n != len(c.raw) || f != h1.None || got != c.want {
			t.Errorf("%q: %d of %d, %v\n got %s\nwant %s", c.raw, n, len(c.raw), f, got, c.want)
		}
		if n, _, _ := requests(h1.ClientLimits)([]byte(c.raw+"GET /next\n\x00"), 0); n != len(c.raw) {
			t.Errorf("%q: %d, want %d with something behind it", c.raw, n, len(c.raw))
		}
	}
}

func TestRequestsWithTwoReadingsAreRefused(t *testing.T) {
	field := func(lines ...string) string {
		return crlf(append([]string{"POST / HTTP/1.1", "Host: a"}, lines...)...)
	}
	cases := map[h1.Fault][]string{
		h1.BadLineEnd: { // rule 1
			"GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\nHost: a\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\n",
			"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\rX: b\r\n\r\n",
			"\nGET / HTTP/1.1" + host, "\rGET / HTTP/1.1" + host, "\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1" + host,
			field("A: b\nContent-Length: 5"), field("A: b\rContent-Length: 5"),
		},
		h1.BadSyntax: { // rule 2
			"GET\r\n\r\n", "GET /\r\n\r\n", " GET / HTTP/1.1" + host, "GET\t/ HTTP/1.1" + host, "G@T / HTTP/1.1" + host,
			"\x16\x03\x01\x02\x00", "GET / http/1.1" + host, "GET / HTTP/1.1 " + host, "GET / HTTP/1.01" + host,
			"GET / HTTP/1" + host, "GET / XTTP/1.1" + host, "GET /HTTP/1.1" + host, "GET / HTTP/x.1" + host, "GET / HTTP/1,1" + host, "GET /\tHTTP/1.1" + host,
			"GET / HTTP/1.1\r" + host, " / HTTP/1.1" + host, strings.Repeat("A", 33) + " / HTTP/1.1" + host, "GET / HTTP/1.\x00" + host,
		},
		h1.BadVersion: {
			"GET / HTTP/2.0" + host, "GET / HTTP/1.2" + host, "GET / HTTP/0.9" + host, "GET / HTTP/3.0" + host, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		},
		h1.MethodRefused: {"CONNECT a:80 HTTP/1.1" + host, "CONNECT / HTTP/1.0\r\n\r\n"},
		h1.BadTarget: {
			"GET  / HTTP/1.1" + host, "GET /  HTTP/1.1" + host, "GET  HTTP/1.1" + host, "GET /a b HTTP/1.1" + host, "GET /\x00 HTTP/1.1" + host,
			"GET /é HTTP/1.1" + host, "GET /\x7f HTTP/1.1" + host, "GET /#a HTTP/1.1" + host, "GET a HTTP/1.1" + host, "GET * HTTP/1.1" + host,
			"GET ?a HTTP/1.1" + host, "OPTIONS ** HTTP/1.1" + host, "GET ftp://b/ HTTP/1.1" + host, "GET http:/b HTTP/1.1" + host, "GET http:// HTTP/1.1" + host,
			"GET http:///a HTTP/1.1" + host, "GET http://u@b/ HTTP/1.1" + host, "GET http://b:1:2/ HTTP/1.1" + host, "GET a:80 HTTP/1.1" + host,
			"connect a:80 HTTP/1.1" + host, "GET /a\r HTTP/1.1" + host, "GET /\tHTTP/1.1 HTTP/1.1" + host,
		},
		h1.BadField: { // rule 3
			field(": b"), field("A : b"), field("A\t: b"), field(" A: b"), field("A: b", " c"), field("A: b", "\tc"), field("A"), field("A b: c"),
			field("A\x00: b"), field("A: \x00"), field("A: b\x00c"), field("A: \x01"), field("A: \x7f"), field("A: \x1f"), field("é: b"), field("A\r: b"),
			field("Content-Length : 5"), field("Transfer-Encoding : chunked"), field("(A): b"), "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
			field("Transfer-Encoding: chunked\x0b"), field("Transfer-Encoding:\x0cchunked"), field(strings.Repeat("A", 300) + "\x00: b"),
		},
		h1.BadHost: { // rule 4
			"GET / HTTP/1.1\r\n\r\n", crlf("GET / HTTP/1.1", "Host:"), field("Host: a"), field("host: b"), crlf("GET / HTTP/1.0", "Host: a", "Host: a"),
			crlf("GET http://b/ HTTP/1.1"), crlf("GET http://b/ HTTP/1.1", "Host: a", "Host: b"), crlf("GET http://b/ HTTP/1.1", "Host: a b"),
		},
		h1.BadLength: { // rule 5
			field("Content-Length:"), field("Content-Length: 1", "Content-Length: 1"), field("Content-Length: 1", "Content-Length: 2"),
			field("Content-Length: 1, 1"), field("Content-Length: +1"), field("Content-Length: -1"), field("Content-Length: 0x1"), field("Content-Length: 1 1"),
			field("Content-Length: 9223372036854775808"), field("Content-Length: 18446744073709551617"), field("Content-Length: 00000000000000000001"),
			field("Content-Length: 1e1"), field("Content-Length: 1_0"), field("Content-Length: ١"), field("Content-Length: 1;"), field("Content-Length: 5", "Content-Length:"),
		},
		h1.BadCoding: { // rule 6
			field("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), field("Transfer-Encoding: chunked, chunked"), field("Transfer-Encoding:"),
			field("Transfer-Encoding: xchunked"), field("Transfer-Encoding: chunked;a=b"), field("Transfer-Encoding: \"chunked\""), field("Transfer-Encoding: chunked,"),
			field("Transfer-Encoding: ,chunked"), field("Transfer-Encoding: cow"), field("Transfer-Encoding: cow, chunked"), field("Transfer-Encoding: chunke\u212a"), field("Transfer-Encoding: chun ked"),
			crlf("POST / HTTP/1.0", "Transfer-Encoding: chunked"), field("Transfer-Encoding: chunked", "Transfer-Encoding: gzip"),
		},
		h1.UnknownCoding: {
			field("Transfer-Encoding: gzip, chunked"), field("Transfer-Encoding: identity"), field("Transfer-Encoding: chunked, deflate"),
			field("Transfer-Encoding: x-gzip"), field("Transfer-Encoding: Compress"), field("Transfer-Encoding: gzip", "Transfer-Encoding: chunked"),
		},
		h1.TwoFramings: {
			field("Content-Length: 5", "Transfer-Encoding: chunked"), field("Transfer-Encoding: chunked", "Content-Length: 0"),
			crlf("POST / HTTP/1.0", "Content-Length: 5", "Transfer-Encoding: chunked"),
		},
	}
	for want, raws := range cases {
		for _, raw := range raws {
			if n, f, text := everySplit(t, requests(h1.ClientLimits), raw); n != 0 || f != want {
				t.Errorf("%q: %d, %v, %s; want %v", raw, n, f, text, want)
			}
		}
	}
}

func TestHostsAreThoseOfTheRFC(t *testing.T) {
	good := []string{
		"a", "a.b", "a.", "a_b-c~", "A", "1.2.3.4", "a:", "a:0", "a:80", "a:65535", "a:00080", "[::1]", "[::1]:80", "[::ffff:1.2.3.4]:", "%41b", "a%4F", "a!$&'()*+,;=",
	}
	bad := []string{
		"a b", "a:65536", "a:99999999999999999999", "a:x", "a:-1", "a:80:80", ":80", "[::1", "::1]", "[::1]x", "[]", "[:", "[:]", "[g::1]", "[::1%25eth0]", "a[b]", "a]", "a/b", "a?b", "a#b",
		"a@b", "u:p@b", "a%", "a%4", "a%zz", "é", "a\tb", "a\\b", "<a>", "a|b", "\"a\"", "http://a",
	}
	for _, h := range good {
		for _, raw := range []string{crlf("GET / HTTP/1.1", "Host: "+h), crlf("GET / HTTP/1.0", "Host: "+h), crlf("GET http://"+h+" HTTP/1.1", "Host: x")} {
			var r h1.Request
			if _, f := r.Parse([]byte(raw), 0, &h1.ClientLimits); f != h1.None || string(r.Host) != h {
				t.Errorf("%q: %v, host %q", raw, f, r.Host)
			}
		}
	}
	for _, h := range bad {
		for _, version := range []string{"1.0", "1.1"} {
			if _, f, _ := everySplit(t, requests(h1.ClientLimits), crlf("GET / HTTP/"+version, "Host: "+h)); f != h1.BadHost {
				t.Errorf("%q: %v", h, f)
			}
		}
	}
}

func TestOnlyACorrectWishForAWebSocketIsOne(t *testing.T) {
	for _, c := range []struct {
		want bool
		raw  string
	}{
		{true, crlf("GET / HTTP/1.1", "Host: a", "Connection: Upgrade", "Upgrade: websocket")},
		{true, crlf("GET / HTTP/1.1", "Host: a", "Connection: keep-alive", "Connection: x, upgrade", "Upgrade: h2c, WebSocket")},
		{false, crlf("GET / HTTP/1.1", "Host: a", "Connection: Upgrade", "Upgrade: h2c")},
		{false, crlf("GET / HTTP/1.1", "Host: a", "Connection: Upgrade", "Upgrade: websockets")},
		{false, crlf("GET / HTTP/1.1", "Host: a", "Connection: Upgrade")},
		{false, crlf("GET / HTTP/1.1", "Host: a", "Upgrade: websocket")},
		{false, crlf("GET / HTTP/1.1", "Host: a", "Connection: upgrades", "Upgrade: websocket")},
		{false, crlf("POST / HTTP/1.1", "Host: a", "Connection: Upgrade", "Upgrade: websocket")},
		{false, crlf("GET / HTTP/1.0", "Host: a", "Connection: Upgrade", "Upgrade: websocket")},
		{false, crlf("GET / HTTP/1.1", "Host: a", "Connection: Upgrade", "Upgrade: websocket", "Content-Length: 5")},
		{false, crlf("GET / HTTP/1.1", "Host: a", "Connection: Upgrade", "Upgrade: websocket", "Transfer-Encoding: chunked")},
	} {
		var r h1.Request
		if n, f := r.Parse([]byte(c.raw), 0, &h1.ClientLimits); n != len(c.raw) || f != h1.None || r.Upgrade != c.want {
			t.Errorf("%q: %d, %v, upgrade %v", c.raw, n, f, r.Upgrade)
		}
	}
}

func TestARequestKeepsNothingOfTheOneBefore(t *testing.T) {
	var r h1.Request
	for i, raw := range []string{
		crlf("GET http://x/y?z HTTP/1.1", "Host: a", "Connection: upgrade", "Upgrade: websocket", "TE: trailers", "Expect: 100-continue"),
		crlf("GET / HTTP/1.0"),
	} {
		n, f := r.Parse([]byte(raw), 0, &h1.ClientLimits)
		want := []string{`upgrade trailers`, `GET / /   1.0 [none -1]`}[i]
		if n != len(raw) || f != h1.None || !strings.Contains(showRequest(&r), want) {
			t.Errorf("%q: %v, %s", raw, f, showRequest(&r))
		}
	}
}

func ExampleRequest_Parse() {
	var r h1.Request
	buffer := []byte("GET /v2/apps?id=web HTTP/1.1\r\nHost: example.com\r\n\r\n")
	n, fault := r.Parse(buffer, 0, &h1.ClientLimits)
	fmt.Printf("%d %v: %s %s %s\n", n, fault == h1.None, r.Host, r.Path, r.Query)
	// Output: 51 true: example.com /v2/apps ?id=web
}
