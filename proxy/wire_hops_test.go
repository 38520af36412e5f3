package proxy_test

import (
	"fmt"
	"strings"
)

// What concerns one connection stays there (rules 8 and 9 of reliability.md, 1), and what is too much (3.1).

func hops() (all []wire) {
	const rule = "1.8 hop by hop"
	with := func(lines string) string { return "GET / HTTP/1.1\r\nHost: h\r\nX: y\r\n" + lines + eoh }
	for _, c := range []struct {
		lines  string
		sees   string
		misses []string
	}{
		{"Connection: X", "", []string{"\r\nX: y"}},
		{"Connection: x, keep-alive", "", []string{"\r\nX: y"}},
		{"Connection: a\r\nConnection: x", "", []string{"\r\nX: y"}},
		{"Connection: ,, x ,", "", []string{"\r\nX: y"}},
		{"Connection: host", "\r\nHost: h\r\n", []string{"Connection"}},
		{"Connection: X-Forwarded-For, x-forwarded-port, X-Forwarded-Proto", "\r\nX-Forwarded-For: 127.0.0.1\r\n", nil},
		{"Connection: X-Forwarded-For, x-forwarded-port, X-Forwarded-Proto ", "\r\nX-Forwarded-Proto: http\r\n", nil},
		{"Connection: X-Marathon-App-Id\r\nX-Marathon-App-Id: /a", "X-Marathon-App-Id: /a", nil},
		{"X-Forwarded-Proto: https\r\nX-Forwarded-Port: 1", "X-Forwarded-Proto: http\r\n", []string{"https", "Port: 1\r"}},
		{"X-Forwarded-For: 6.6.6.6", "6.6.6.6", nil},
		{"Keep-Alive: timeout=5", "", []string{"Keep-Alive"}},
		{"Proxy-Connection: keep-alive", "", []string{"Proxy-Connection"}},
		{"TE: gzip", "", []string{"TE:", "gzip"}},
		{"TE: trailers, gzip", "\r\nTE: trailers\r\n", []string{"gzip"}},
		{"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAAA", "", []string{"pgrade", "ettings", "AAAA", "h2c"}},
		{"Upgrade: websocket, h2c\r\nConnection: HTTP2-Settings\r\nHTTP2-Settings: AAAA", "", []string{"pgrade", "ettings", "AAAA", "h2c"}},
		{"Upgrade: websocket", "", []string{"pgrade"}},
		{"Connection: upgrade", "", []string{"pgrade"}},
		{"Connection: upgrade\r\nUpgrade: TLS/1.0", "", []string{"pgrade", "TLS"}},
		{"Connection: Upgrade\r\nUpgrade: websocket", "\r\nUpgrade: websocket\r\n", nil},
		{"Connection: keep-alive, uPGRADE\r\nUpgrade: WebSocket", "\r\nConnection: Upgrade\r\n", nil},
		{"Connection: Upgrade\r\nUpgrade: h2c, websocket", "\r\nUpgrade: websocket\r\n", []string{"h2c"}},
	} {
		all = append(all, fine(rule, fmt.Sprintf("%q", c.lines), with(c.lines), passed(c.sees).without(c.misses...)))
	}
	const ws = "\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
	for _, c := range []struct{ name, send string }{
		{"a POST", "POST / HTTP/1.1" + ws + "Content-Length: 0" + eoh}, {"with a body", "GET / HTTP/1.1" + ws + "Content-Length: 3" + eoh + "abc"},
		{"with chunks", "GET / HTTP/1.1" + ws + "Transfer-Encoding: chunked" + eoh + "0\r\n\r\n"}, {"HTTP/1.0", "GET / HTTP/1.0" + ws + "\r\n"},
	} {
		w := passed().without("pgrade", "websocket")
		w.goes = c.name != "HTTP/1.0"
		all = append(all, fine("1.9 upgrade", c.name, c.send, w))
	}
	accept := reply{say: "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", then: closes}
	for _, c := range []struct {
		name, send string
		reply      reply
	}{
		{"101 nobody asked for", good, accept},
		{"101 to a POST", "POST / HTTP/1.1" + ws + "Content-Length: 0" + eoh, accept},
		{"101 to another protocol", "GET / HTTP/1.1" + ws + "\r\n", reply{say: strings.ReplaceAll(accept.say, "websocket", "h2c"), then: closes}},
		{"101 without Upgrade", "GET / HTTP/1.1" + ws + "\r\n", reply{say: "HTTP/1.1 101 X\r\nConnection: Upgrade\r\n\r\n", then: closes}},
		{"101 without Connection", "GET / HTTP/1.1" + ws + "\r\n", reply{say: "HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n", then: closes}},
	} {
		all = append(all, wire{rule: "1.9 upgrade", name: c.name, send: c.send, replies: []reply{c.reply}, ways: append(saidWays, behind), want: want{status: 502, term: "PH", reached: 1}})
	}
	return all
}

// limits are those of 3.1.
func limits() (all []wire) {
	const rule = "3.1 limits"
	long := func(n int) string { return strings.Repeat("a", n) }
	head := func(n int) string {
		return "GET / HTTP/1.1\r\nHost: h\r\nA: " + long(n-len("GET / HTTP/1.1\r\nHost: h\r\nA: \r\n\r\n")) + eoh
	}
	fields := func(n int) string { return "GET / HTTP/1.1\r\nHost: h\r\n" + strings.Repeat("A: b\r\n", n-1) + "\r\n" }
	for _, c := range []wire{
		bad(rule, "a target of 8 KB and one", "GET /"+long(8<<10)+" HTTP/1.1\r\nHost: h"+eoh, 414),
		bad(rule, "a target of 20 KB", "GET /"+long(20<<10)+" HTTP/1.1\r\nHost: h"+eoh, 414),
		bad(rule, "a target without an end", "GET /"+long(20<<10), 414),
		bad(rule, "a head of 32 KB and one", head(32<<10+1), 431),
		bad(rule, "a head of 1 MB", head(1<<20), 431),
		bad(rule, "a head without an end", head(33 << 10)[:33<<10-4], 431),
		bad(rule, "101 fields", fields(101), 431),
		bad(rule, "1000 fields", fields(1000), 431),
		fine(rule, "a target of 8 KB", "GET /"+long(8<<10-1)+" HTTP/1.1\r\nHost: h"+eoh, passed(long(8<<10-1))),
		fine(rule, "a head of 32 KB", head(32<<10), passed(long(32000))),
		fine(rule, "100 fields", fields(100), passed(strings.Repeat("A: b\r\n", 99))),
	} {
		c.ways = []way{whole, behind}
		all = append(all, c)
	}
	for _, hello := range []string{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "\x00\x00\x00", "SSH-2.0-x\r\n", "{\"a\":1}\r\n", "\x04\x01\x00P", "EHLO x\r\n", "\xff\xff\xff\xff"} {
		all = append(all, bad("3.1 another protocol", fmt.Sprintf("%.8q", hello), hello+"\r\n\r\n", 400))
	}
	return all
}
