package h1_test

import (
	"strings"
	"testing"

	"marathon-lb/internal/h1"
)

func TestGoodAnswersAreReadAsWhatTheyAre(t *testing.T) {
	get, head, wish := h1.To{}, h1.To{Head: true}, h1.To{Upgrade: true}
	for _, c := range []struct {
		to        h1.To
		raw, want string
	}{
		{get, crlf("HTTP/1.1 200 OK", "Content-Length: 5"), `1.1 200 OK [length 5 keep] Content-Length="5"`},
		{get, crlf("HTTP/1.1 200 OK", "Content-Length: 5", "Connection: close"), `1.1 200 OK [length 5] Content-Length="5" Connection="close"`},
		{get, crlf("HTTP/1.1 200 OK", "transfer-encoding: chunked"), `1.1 200 OK [chunked -1 keep] transfer-encoding="chunked"`},
		{get, crlf("HTTP/1.1 200 OK"), `1.1 200 OK [close -1]`},
		{get, crlf("HTTP/1.1 200 "), `1.1 200  [close -1]`},
		{get, crlf("HTTP/1.1 200"), `1.1 200  [close -1]`},
		{get, crlf("HTTP/1.1 599 \tNot é: \x80"), "1.1 599 \tNot é: \x80 [close -1]"},
		{get, crlf("HTTP/1.0 200 OK", "Content-Length: 0"), `1.0 200 OK [length 0] Content-Length="0"`},
		{get, crlf("HTTP/1.0 200 OK", "Content-Length: 0", "Connection: keep-alive"), `1.0 200 OK [length 0 keep] Content-Length="0" Connection="keep-alive"`},
		{get, crlf("HTTP/1.0 200 OK", "Connection: keep-alive"), `1.0 200 OK [close -1] Connection="keep-alive"`},
		{get, crlf("HTTP/1.1 204 No Content", "Content-Length: 5"), `1.1 204 No Content [none 5 keep] Content-Length="5"`},
		{get, crlf("HTTP/1.1 304 Not Modified", "Transfer-Encoding: chunked"), `1.1 304 Not Modified [none -1 keep] Transfer-Encoding="chunked"`},
		{get, crlf("HTTP/1.1 100 Continue", "Content-Length: 5"), `1.1 100 Continue [none 5 keep] Content-Length="5"`},
		{get, crlf("HTTP/1.1 103 Early Hints", "Link: </a>"), `1.1 103 Early Hints [none -1 keep] Link="</a>"`},
		{get, crlf("HTTP/1.1 205 Reset Content"), `1.1 205 Reset Content [close -1]`},
		{head, crlf("HTTP/1.1 200 OK", "Content-Length: 5"), `1.1 200 OK [none 5 keep] Content-Length="5"`},
		{head, crlf("HTTP/1.1 200 OK"), `1.1 200 OK [none -1 keep]`},
		{wish, crlf("HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: WebSocket"), `1.1 101 Switching Protocols [none -1 upgrade] Connection="Upgrade" Upgrade="WebSocket"`},
		{wish, crlf("HTTP/1.1 403 Forbidden", "Connection: Upgrade", "Upgrade: websocket", "Content-Length: 0"), `1.1 403 Forbidden [length 0 keep] Connection="Upgrade" Upgrade="websocket" Content-Length="0"`},
	} {
		n, f, got := everySplit(t, responses(c.to), c.raw)
		if n != len(c.raw) || f != h1.None || got != c.want {
			t.Errorf("%q: %d of %d, %v\n got %s\nwant %s", c.raw, n, len(c.raw), f, got, c.want)
		}
	}
}

func TestAnswersWithTwoReadingsAreRefused(t *testing.T) {
	field := func(lines ...string) string { return crlf(append([]string{"HTTP/1.1 200 OK"}, lines...)...) }
	cases := map[h1.Fault][]string{
		h1.BadSyntax: {
			"SSH-2.0-x\r\n", "\r\n", "HT\r\n", "<html>", "http/1.1 200 OK\r\n\r\n", "\r\nHTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1\r\n\r\n", "HTTP/1.1\t200 OK\r\n\r\n", "HTTP/1.10 200 OK\r\n\r\n", "HTTP/\r\n",
			"HTTP/a.b 200 OK\r\n\r\n", "HTTP/1.1 200 O\x00K\r\n\r\n", "HTTP/1.1 200 O\rK\r\n\r\n", "HTTP/1.1 200 \x7f\r\n\r\n", "220 mail\r\n",
		},
		h1.BadVersion: {"HTTP/2.0 200 OK\r\n\r\n", "HTTP/0.9 200 OK\r\n\r\n", "HTTP/1.2 200 OK\r\n\r\n"},
		h1.BadStatus: {
			"HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n", "HTTP/1.1 600 OK\r\n\r\n", "HTTP/1.1 000 OK\r\n\r\n", "HTTP/1.1 +20 OK\r\n\r\n",
			"HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 OK\r\n\r\n", "HTTP/1.1 200OK\r\n\r\n", "HTTP/1.1 200\tOK\r\n\r\n", "HTTP/1.1 \r\n\r\n", "HTTP/1.1 200\r\r\n\r\n",
		},
		h1.BadLineEnd: {"\n", "H\n", "HTTP/1.1 200 OK\n\n", "HTTP/1.1 200 OK\r\nA: b\n\r\n", "HTTP/1.1 200 OK\r\n\n", "HTTP/1.1 200 OK\r\n\rA: b\r\n\r\n", field("A: b\rSet-Cookie: c")},
		h1.BadField:   {field("A : b"), field(": b"), field("A: b", " c"), field("A: \x00"), field("A"), field("A b: c")},
		h1.BadLength: {
			field("Content-Length: 1", "Content-Length: 2"), field("Content-Length: 1", "Content-Length: 1"), field("Content-Length: 1,1"), field("Content-Length: x"),
			field("Content-Length: -1"), field("Content-Length:"), field("Content-Length: 9223372036854775808"), crlf("HTTP/1.1 304 Not Modified", "Content-Length: x"),
		},
		h1.BadCoding:      {field("Transfer-Encoding: x"), field("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), crlf("HTTP/1.0 200 OK", "Transfer-Encoding: chunked")},
		h1.UnknownCoding:  {field("Transfer-Encoding: gzip"), field("Transfer-Encoding: gzip, chunked")},
		h1.TwoFramings:    {field("Content-Length: 1", "Transfer-Encoding: chunked"), field("Transfer-Encoding: chunked", "Content-Length: 1")},
		h1.UnaskedUpgrade: {crlf("HTTP/1.1 101 Switching Protocols", "Connection: upgrade", "Upgrade: websocket")},
		h1.HeadTooLarge:   {"HTTP/1.1 200 " + strings.Repeat("a", 8<<10), "HTTP/1.1 200 " + strings.Repeat("a", 8<<10) + "\r\n\r\n"},
	}
	for want, raws := range cases {
		for _, raw := range raws {
			if n, f, text := everySplit(t, responses(h1.To{}), raw); n != 0 || f != want {
				t.Errorf("%q: %d, %v, %s; want %v", raw, n, f, text, want)
			}
		}
	}
}

func TestATunnelBeginsOnlyWithTheAnswerToOurWish(t *testing.T) {
	for _, raw := range []string{
		crlf("HTTP/1.1 101 Switching Protocols"),
		crlf("HTTP/1.1 101 Switching Protocols", "Connection: upgrade"),
		crlf("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket"),
		crlf("HTTP/1.1 101 Switching Protocols", "Connection: upgrade", "Upgrade: h2c"),
		crlf("HTTP/1.0 101 Switching Protocols", "Connection: upgrade", "Upgrade: websocket"),
	} {
		if n, f, _ := everySplit(t, responses(h1.To{Upgrade: true}), raw); n != 0 || f != h1.UnaskedUpgrade {
			t.Errorf("%q: %d, %v", raw, n, f)
		}
	}
}

func TestAnswersHaveTheLimitsOfServers(t *testing.T) {
	var r h1.Response
	for _, c := range []struct {
		raw  string
		want h1.Fault
	}{
		{"HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 1000) + "\r\n", h1.None},
		{"HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 1001) + "\r\n", h1.TooManyFields},
		{"HTTP/1.1 200 OK\r\nA: " + strings.Repeat("b", 64<<10-24) + "\r\n\r\n", h1.None},
		{"HTTP/1.1 200 OK\r\nA: " + strings.Repeat("b", 64<<10-23) + "\r\n\r\n", h1.HeadTooLarge},
	} {
		if _, f := r.Parse([]byte(c.raw), 0, &h1.ServerLimits, h1.To{}); f != c.want {
			t.Errorf("%d bytes: %v, want %v", len(c.raw), f, c.want)
		}
	}
}
