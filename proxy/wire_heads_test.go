package proxy_test

import (
	"fmt"
	"strings"
)

// Requests whose heads say one thing to one reader and another to the next, or nothing at all (rules 1 to 4 of reliability.md, 1).

// bad is a case of a request that is refused.
func bad(rule, name, send string, status int, more ...func(*wire)) wire {
	c := wire{rule: rule, name: name, send: send, want: refused(status)}
	for _, f := range more {
		f(&c)
	}
	return c
}

func fine(rule, name, send string, w want, more ...func(*wire)) wire {
	c := wire{rule: rule, name: name, send: send, want: w}
	for _, f := range more {
		f(&c)
	}
	return c
}

func onlyBy(w ...way) func(*wire) { return func(c *wire) { c.ways = w } }

const eoh = "\r\n\r\n"

// lineEnds is rule 1.
func lineEnds() (all []wire) {
	const rule = "1.1 line ends"
	get := func(a, b, c string) string { return "GET / HTTP/1.1" + a + "Host: h" + b + "A: b" + c }
	for _, c := range []struct{ name, send string }{
		{"LF ends the request line", get("\n", "\r\n", eoh)},
		{"LF ends a field", get("\r\n", "\n", eoh)},
		{"LF ends the last field", get("\r\n", "\r\n", "\n\r\n")},
		{"LF ends the head", get("\r\n", "\r\n", "\r\n\n")},
		{"LF everywhere", get("\n", "\n", "\n\n")},
		{"CR ends the request line", get("\r", "\r\n", eoh)},
		{"CR ends a field", get("\r\n", "\r", eoh)},
		{"CR ends the head", get("\r\n", "\r\n", "\r\n\rX\r\n\r\n")},
		{"CR CR LF", get("\r\n", "\r\r\n", eoh)},
		{"CR in a value", get("\r\n", "\r\nX: a\rb\r\n", eoh)},
		{"CR in a name", get("\r\n", "\r\nX\rY: a\r\n", eoh)},
		{"CR in the target", "GET /a\rb HTTP/1.1\r\nHost: h" + eoh},
		{"LF LF before it", "\n\n" + get("\r\n", "\r\n", eoh)},
		{"CR before it", "\r" + get("\r\n", "\r\n", eoh)},
		{"five empty lines before it", strings.Repeat("\r\n", 5) + get("\r\n", "\r\n", eoh)},
	} {
		all = append(all, bad(rule, c.name, c.send, 400))
	}
	for n := 1; n <= 4; n++ {
		all = append(all, fine(rule, fmt.Sprint(n, " empty lines before it"), strings.Repeat("\r\n", n)+get("\r\n", "\r\n", eoh), passed("GET / HTTP/1.1\r\n")))
	}
	return all
}

// requestLines is rule 2.
func requestLines() (all []wire) {
	const rule, rest = "1.2 request line", "\r\nHost: h" + eoh
	line := func(name, line string, status int, more ...func(*wire)) {
		all = append(all, bad(rule, name, line+rest, status, more...))
	}
	line("two spaces", "GET  / HTTP/1.1", 400)
	line("two spaces before the version", "GET /  HTTP/1.1", 400)
	line("a tab", "GET\t/ HTTP/1.1", 400)
	line("a tab before the version", "GET /\tHTTP/1.1", 400)
	line("a space first", " GET / HTTP/1.1", 400)
	line("a space last", "GET / HTTP/1.1 ", 400)
	line("HTTP/0.9", "GET /", 400)
	line("no target", "GET HTTP/1.1", 400)
	line("an empty target", "GET  HTTP/1.1", 400)
	line("a word more", "GET / HTTP/1.1 x", 400)
	for version, status := range map[string]int{"HTTP/1.2": 505, "HTTP/1.9": 505, "HTTP/2.0": 505, "HTTP/3.0": 505, "HTTP/0.9": 505, "http/1.1": 400, "HTTP/1.1x": 400,
		"HTP/1.1": 400, "HTTP/1.": 400, "HTTP/11": 400, "HTTP/1,1": 400, "HTTP/01.1": 400, "HTTP/1.01": 400, "HTTP/+1.1": 400, "Http/1.1": 400, "HTTP /1.1": 400} {
		line("version "+version, "GET / "+version, status)
	}
	for _, c := range "(),/:;<=>?@[\\]{}\"\x01\x7f\x00é" {
		line(fmt.Sprintf("method with %q", c), "G"+string(c)+"T / HTTP/1.1", 400)
	}
	line("no method", " / HTTP/1.1", 400)
	line("a long method", strings.Repeat("A", 40)+" / HTTP/1.1", 400)
	for _, target := range []string{"/a#b", "/\x01", "/\x7f", "/\x80", "/é", "/\x00", "a", "?a", "*", "h:80", "h", "http:/h/", "http://", "http:///a", "http://u@h/", "http://h:99999/",
		"http://h:a/", "http://h h/", "ftp://h/", "https:", "//", "mailto:a@b"} {
		if target == "//" {
			continue
		}
		line(fmt.Sprintf("target %q", target), "GET "+target+" HTTP/1.1", 400)
	}
	line("CONNECT", "CONNECT h:443 HTTP/1.1", 405)
	line("CONNECT to a path", "CONNECT / HTTP/1.1", 405)
	line("CONNECT in HTTP/1.0", "CONNECT h:443 HTTP/1.0", 405)
	for _, method := range []string{"GET", "get", "gEt", "M-SEARCH", "DELETE", "PATCH", "!#$%&'*+-.^_`|~", "A", "PRI"} {
		all = append(all, fine(rule, "method "+method, method+" /m HTTP/1.1"+rest, passed(method+" /m HTTP/1.1\r\n")))
	}
	for _, target := range []string{"/%2e%2E/", "/a//b", "/a?b?c", "/%00", "/?", "/a?b=%0d%0a", "/;a=b", "/..", "/a|b\\c^`{}\"<>", "/a:b@c", "//a/b", "/*", "/?http://x/"} {
		all = append(all, fine(rule, "target "+target, "GET "+target+" HTTP/1.1"+rest, passed("GET "+target+" HTTP/1.1\r\n")))
	}
	all = append(all,
		fine(rule, "OPTIONS *", "OPTIONS * HTTP/1.1"+rest, passed("OPTIONS * HTTP/1.1\r\n")),
		fine(rule, "absolute-form", "GET http://a.example/x?y HTTP/1.1\r\nHost: other"+eoh, passed("GET /x?y HTTP/1.1\r\n", "\r\nHost: a.example\r\n").without("other")),
		fine(rule, "absolute-form without a path", "GET HTTP://a.example:81 HTTP/1.1\r\nHost: a"+eoh, passed("GET / HTTP/1.1\r\n", "\r\nHost: a.example:81\r\n")),
		fine(rule, "absolute-form with a query only", "GET https://a.example?q HTTP/1.1\r\nHost: a"+eoh, passed("GET /?q HTTP/1.1\r\n", "\r\nHost: a.example\r\n")),
	)
	return all
}

// fieldLines is rule 3.
func fieldLines() (all []wire) {
	const rule = "1.3 fields"
	with := func(lines string) string { return "GET / HTTP/1.1\r\nHost: h\r\n" + lines + eoh }
	for _, f := range []string{"A : b", "A\t: b", ": b", "A", "A b", "A: b\r\n c", "A: b\r\n\tc", " A: b", "A: b\r\n \r\nB: c", "é: b", "A\x00: b", "A\x7f: b", "\x00A: b"} {
		all = append(all, bad(rule, fmt.Sprintf("%q", f), with(f), 400))
	}
	all = append(all, bad(rule, "a folded line first", "GET / HTTP/1.1\r\n A: b\r\nHost: h"+eoh, 400))
	for _, c := range "(),/;<=>?@[\\]{}\"" {
		all = append(all, bad(rule, fmt.Sprintf("name with %q", c), with("A"+string(c)+"B: c"), 400, onlyBy(whole, behind)))
	}
	for c := range byte(0x20) {
		if c != '\t' && c != '\r' && c != '\n' {
			all = append(all, bad(rule, fmt.Sprintf("value with %#x", c), with("A: b"+string(rune(c))+"c"), 400, onlyBy(whole, behind)))
		}
	}
	all = append(all, bad(rule, "value with DEL", with("A: b\x7fc"), 400))
	for _, c := range []struct{ send, sees string }{
		{"A: 1\r\nB:2\r\nC: 3\r\nD: 4\r\nConnection: e\r\nE: 5\r\nF: 6\r\nG: \r\nH:  7\r\nI: 8", "\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nF: 6\r\nG: \r\nH: 7\r\nI: 8\r\n"},
		{"A: b\tc", "A: b\tc\r\n"}, {"A: \xff\xc3", "A: \xff\xc3\r\n"}, {"A:", "\r\nA: \r\n"}, {"A: \t b \t", "\r\nA: b\r\n"}, {"A:b", "\r\nA: b\r\n"},
		{"A: b:c", "\r\nA: b:c\r\n"}, {"!#$%&'*+-.^_`|~9: x", ": x\r\n"},
	} {
		all = append(all, fine(rule, fmt.Sprintf("%q", c.send), with(c.send), passed(c.sees)))
	}
	return all
}

// hosts is rule 4.
func hosts() (all []wire) {
	const rule = "1.4 Host"
	with := func(version, lines string) string { return "GET / HTTP/" + version + "\r\nA: b\r\n" + lines + "\r\n" }
	for _, c := range []struct{ version, lines string }{
		{"1.1", ""}, {"1.1", "Host: h\r\nHost: h\r\n"}, {"1.1", "Host: h\r\nHost: g\r\n"}, {"1.1", "Host: h\r\nhOsT: h\r\n"}, {"1.1", "Host:\r\n"}, {"1.0", "Host: h\r\nHost: h\r\n"},
		{"1.1", "Host: h, g\r\n"},
	} {
		all = append(all, bad(rule, fmt.Sprintf("%s with %q", c.version, c.lines), with(c.version, c.lines), 400))
	}
	for _, host := range []string{"a b", "a/b", "a@b", "a:80:81", "a:99999", "a:65536", "a:8a", "a:-1", "a: 80", "[::1", "::1]", "::1", "[::g]", "[]", "[::1]a", "[::1]:x", "a\\b", "a?b", "a#b",
		"<a>", "é", "%zz", "%2", "a\"b", "a|b", "a^b", "{a}", "a`b", ":80", "a:80 " + "b", "a\tb"} {
		all = append(all, bad(rule, fmt.Sprintf("host %q", host), with("1.1", "Host: "+host+"\r\n"), 400, onlyBy(whole, bytely)))
	}
	for _, host := range []string{"a:80", "a:", "a:0", "a:65535", "[::1]", "[::1]:80", "1.2.3.4:5", "A.Example", "%61", "a_b", "a,b", "a.", "xn--a"} {
		all = append(all, fine(rule, "host "+host, with("1.1", "Host: "+host+"\r\n"), passed("\r\nHost: "+host+"\r\n"), onlyBy(whole, bytely)))
	}
	return append(all,
		fine(rule, "HTTP/1.0 without one", with("1.0", ""), passed("\r\nHost: 127.0.0.1:", " HTTP/1.1\r\n").closed()),
		fine(rule, "HTTP/1.0 with one", with("1.0", "Host: h\r\n"), passed("\r\nHost: h\r\n").closed()),
		fine(rule, "HTTP/1.0 that goes on", with("1.0", "Host: h\r\nConnection: keep-alive\r\n"), passed("\r\nHost: h\r\n")),
	)
}
