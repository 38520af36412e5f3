package proxy_test

import (
	"fmt"
	"strings"
)

// Requests whose bodies have no end, or two (rules 5 to 7 of reliability.md, 1).

// lengths is rule 5.
func lengths() (all []wire) {
	const rule = "1.5 Content-Length"
	with := func(lines, body string) string { return "POST / HTTP/1.1\r\nHost: h\r\n" + lines + eoh + body }
	for _, v := range []string{"", "+3", "-3", "3 3", "3,3", "3, 3", "3, 4", "0x3", "3a", "a", "3.0", "3;", "\"3\"", "３", "1e1", "9223372036854775808", "18446744073709551619", "99999999999999999999",
		"00000000000000000003", "3\t3", "3\x0b", "_3", "3_0"} {
		all = append(all, bad(rule, fmt.Sprintf("%q", v), with("Content-Length: "+v, "abc"), 400))
	}
	for _, lines := range []string{"Content-Length: 3\r\nContent-Length: 3", "Content-Length: 3\r\nContent-Length: 4", "Content-Length: 3\r\ncontent-length: 0", "Content-Length:\r\nContent-Length: 3",
		"Content-Length: 3\r\nContent-Length:", "Content-Length: 3, 3\r\nContent-Length: 3", "Content-Length : 3", "X: y\r\n Content-Length: 3"} {
		all = append(all, bad(rule, fmt.Sprintf("%q", lines), with(lines, "abc"), 400))
	}
	for _, c := range []struct{ lines, body, sees string }{
		{"Content-Length: 3", "abc", "\r\n\r\nabc"}, {"Content-Length:3", "abc", "\r\n\r\nabc"}, {"content-length: 3 ", "abc", "\r\n\r\nabc"}, {"Content-Length: 0", "", "Content-Length: 0\r\n"},
		{"Content-Length: 03", "abc", "\r\n\r\nabc"}, {"X: y", "", "\r\nX: y\r\n"},
	} {
		all = append(all, fine(rule, fmt.Sprintf("%q", c.lines), with(c.lines, c.body), passed(c.sees)))
	}
	return all
}

// codings is rule 6.
func codings() (all []wire) {
	const rule, body = "1.6 Transfer-Encoding", "3\r\nabc\r\n0\r\n\r\n"
	with := func(version, lines string) string {
		return "POST / HTTP/" + version + "\r\nHost: h\r\n" + lines + eoh + body
	}
	for v, status := range map[string]int{"gzip": 501, "gzip, chunked": 501, "identity": 501, "deflate": 501, "chunked, gzip": 501, "chunked, chunked": 400, "xchunked": 400, "chunkedx": 400,
		"chunked;q=1": 400, "\"chunked\"": 400, "": 400, ",chunked": 400, "chunked,": 400, "chunked\x0b": 400, "\x0bchunked": 400, "chun ked": 400, "x, chunked": 400, "cow": 400, "chunked\x00": 400, "\xc4\xb1dentity": 400} {
		all = append(all, bad(rule, fmt.Sprintf("%q", v), with("1.1", "Transfer-Encoding: "+v), status))
	}
	for _, lines := range []string{"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nTransfer-Encoding: x", "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
		"Transfer-Encoding: chunked\r\nContent-Length: 3", "Content-Length: 3\r\nTransfer-Encoding: chunked", "Content-Length: 0\r\nTransfer-Encoding: CHUNKED", "Transfer-Encoding : chunked",
		"Transfer-Encoding:\r\n chunked", "X: y\r\n Transfer-Encoding: chunked", "Transfer_Encoding: chunked\r\nTransfer-Encoding:"} {
		all = append(all, bad(rule, fmt.Sprintf("%q", lines), with("1.1", lines), 400))
	}
	for _, lines := range []string{"Transfer-Encoding: chunked", "Connection: keep-alive\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 3"} {
		all = append(all, bad(rule, fmt.Sprintf("HTTP/1.0 with %q", lines), with("1.0", lines), 400))
	}
	for _, v := range []string{"chunked", "CHUNKED", "Chunked ", "\tchunked"} {
		all = append(all, fine(rule, fmt.Sprintf("%q", v), with("1.1", "Transfer-Encoding: "+v), passed("\r\nTransfer-Encoding: chunked\r\n", "\r\n\r\n3\r\nabc\r\n0\r\n\r\n").without("Content-Length")))
	}
	for _, method := range []string{"GET", "DELETE", "OPTIONS", "PUT"} {
		all = append(all, fine(rule, method+" with chunks", method+" / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked"+eoh+body, passed("\r\nTransfer-Encoding: chunked\r\n", "abc").without("Content-Length")))
	}
	return all
}

// chunks is rule 7. A body that goes wrong after its beginning was passed on may have begun at the server, but never ends there.
func chunks() (all []wire) {
	const rule, request = "1.7 chunks", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked" + eoh
	const last = "0\r\n\r\n"
	no := func(name, body string, more ...func(*wire)) {
		c := bad(rule, name, request+body, 400, append([]func(*wire){onlyBy(bodyWays...)}, more...)...)
		c.want.begun = 1
		all = append(all, c)
	}
	for _, size := range []string{"", "+3", "-3", "0x3", " 3", "\t3", "3 ", "3\t", "3 ;a", "g", "3g", "3,", "00000000000000003", "10000000000000003", "8000000000000000", "FFFFFFFFFFFFFFFF", "3\x00", "3\r", "３",
		"3;a\nb", "3;a\rb", "3;a\x00", "3;a\x7f", "3;a=\"\n\"", "\r\n3"} {
		no(fmt.Sprintf("size %q", size), size+"\r\nabc\r\n"+last)
	}
	no("size 3 that ends in LF", "3\nabc\r\n"+last)
	no("an extension that ends in LF", "3;a\nabc\r\n"+last)
	no("an extension that ends in CR", "3;a\rabc\r\n"+last)
	for _, c := range []string{"\n", "\r", "", "X\r\n", "\n\r\n", "\r\r\n", "  ", "\r ", "\n\n"} {
		no(fmt.Sprintf("a chunk followed by %q", c), "3\r\nabc"+c+last+"      ")
	}
	for _, c := range []string{"0\n\r\n", "0\r\n\n", "0\n\n", "0\r\n\r ", "0\r\nGET /x HTTP/1.1\r\n\r\n", "00;a\n\r\n", "0 \r\n\r\n"} {
		no(fmt.Sprintf("a last chunk of %q", c), "3\r\nabc\r\n"+c)
	}
	for _, c := range []string{"A b: c", "A : b", ": b", "A", " A: b", "A: b\r\n c", "A: b\x00", "A: b\rc", "A: b\nC: d", "é: b", strings.Repeat("a", 300) + ": b"} {
		no(fmt.Sprintf("trailer %.20q", c), "3\r\nabc\r\n0\r\n"+c+eoh)
	}
	no("9 KB of trailers", "0\r\n"+strings.Repeat("A: "+strings.Repeat("a", 97)+"\r\n", 90)+"\r\n", func(c *wire) { c.ways = once })
	no("17 KB of extensions", strings.Repeat("1;"+strings.Repeat("a", 99)+"\r\nx\r\n", 180)+last)
	for _, c := range []struct{ name, body, sees string }{
		{"one", "3\r\nabc\r\n" + last, "\r\n\r\n3\r\nabc\r\n0\r\n\r\n"},
		{"with zeros in front", "0003\r\nabc\r\n000\r\n\r\n", "abc"},
		{"in upper case", "A\r\n0123456789\r\n" + last, "0123456789"},
		{"with an extension", "3;a=\"b;c\"\r\nabc\r\n0;x\r\n\r\n", "abc"},
		{"of sixteen digits", "0000000000000003\r\nabc\r\n" + last, "abc"},
		{"of nothing", last, "\r\n\r\n0\r\n\r\n"},
		{"with a trailer", "3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n", "\r\nX-Sum: 1\r\n"},
		{"with trailers that may be none", "3\r\nabc\r\n0\r\nContent-Length: 5\r\nX-Forwarded-For: 6.6.6.6\r\nHost: evil\r\nX-Sum: 1\r\n\r\n", "\r\nX-Sum: 1\r\n"},
	} {
		w := passed(c.sees).without("x=", ";a", ";x", "evil", "6.6.6.6", "Content-Length: 5")
		all = append(all, fine(rule, c.name, request+c.body, w, onlyBy(whole, bytely, behind, bodyLate)))
	}
	return all
}
