package proxy_test

import (
	"fmt"
	"strings"
)

// What servers answer (rules 10 to 13 of reliability.md, 1, and 3.4).

const ask = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"

func answerOf(rule, name, send string, replies []reply, w want, more ...func(*wire)) wire {
	c := wire{rule: rule, name: name, send: send, replies: replies, want: w, ways: []way{whole, trickled, behind}}
	for _, f := range more {
		f(&c)
	}
	return c
}

func says(say string, then ending) []reply { return []reply{{say: say, then: then}} }

// answers are of rule 10: those that are none, and those that only look so.
func answers() (all []wire) {
	const rule, status, body = "1.10 answers", "HTTP/1.1 200 OK\r\n", "\r\n\r\nabc"
	no := func(name, say string) {
		all = append(all, answerOf(rule, name, ask, says(say, stalls), want{status: 502, term: "PH", reached: 1}))
	}
	for _, line := range []string{"HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 099 OK", "HTTP/1.1 600 OK", "HTTP/1.1 999 OK", "HTTP/1.1 abc OK", "HTTP/1.1 -20 OK", "HTTP/1.1  200 OK", "HTTP/1.1\t200 OK",
		"HTTP/2.0 200 OK", "HTTP/1.2 200 OK", "HTTP/0.9 200 OK", "http/1.1 200 OK", "HTTP/1.1 200\tOK", "HTTP/1.1 200 O\x00K", "HTTP/1.1 200 O\rK", "HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1200 OK", " HTTP/1.1 200 OK",
		"ICY 200 OK", "SSH-2.0-x", "<html>", "\x15\x03\x01\x00\x02\x02\x0a", "200 OK", "HTTP/1.1 +200 OK", "HTTP/1.1 0200 OK", "\r\nHTTP/1.1 200 OK"} {
		no(fmt.Sprintf("%q", line), line+"\r\nContent-Length: 3"+body)
	}
	for _, lines := range []string{"Content-Length: 3\r\nContent-Length: 4", "Content-Length: 3\r\nContent-Length: 3", "Content-Length: 3, 3", "Content-Length: +3", "Content-Length: -1", "Content-Length: 3a", "Content-Length:",
		"Content-Length: 9223372036854775808", "Content-Length: 3\r\nTransfer-Encoding: chunked", "Transfer-Encoding: gzip", "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: x",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "Transfer-Encoding: identity", "Transfer-Encoding:", "A : b\r\nContent-Length: 3", "A b\r\nContent-Length: 3", ": b\r\nContent-Length: 3",
		"A: b\r\n c\r\nContent-Length: 3", "A: \x00\r\nContent-Length: 3", "A: b\rc\r\nContent-Length: 3", "A: b\nContent-Length: 3", "A: \x01\r\nContent-Length: 3", "é: b\r\nContent-Length: 3"} {
		no(fmt.Sprintf("%q", lines), status+lines+body)
	}
	no("HTTP/1.0 with chunks", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
	no("LF ends the status line", "HTTP/1.1 200 OK\nContent-Length: 3"+body)
	no("LF ends the head", status+"Content-Length: 3\r\n\nabc")
	no("a bad interim one", "HTTP/1.1 100 Continue\r\nA b\r\n\r\n"+ok.say)
	no("33 interim ones", strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 33)+ok.say)
	for name, say := range map[string]string{"70 KB of head": status + "A: " + strings.Repeat("a", 70<<10) + eoh, "20000 fields": status + strings.Repeat("A: b\r\n", 20000) + "\r\n", "a status line of 70 KB": "HTTP/1.1 200 " + strings.Repeat("a", 70<<10)} {
		all = append(all, answerOf("3.4 too much", name, ask, says(say, stalls), want{status: 502, term: "PH", reached: 1}, onlyBy(whole, behind)))
	}
	return append(all, bodiless()...)
}

// bodiless are answers to which no body belongs, whatever their fields say, and those of all framings.
func bodiless() (all []wire) {
	const rule = "1.10 framing"
	w := func(status int, body string, gets ...string) want {
		return want{status: status, term: "--", goes: true, reached: 1, body: body, gets: gets}
	}
	yes := func(name, send, say string, then ending, w want, more ...func(*wire)) {
		all = append(all, answerOf(rule, name, send, says(say, then), w, more...))
	}
	post := "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
	for _, send := range []string{ask, post} {
		in := " to a " + send[:3]
		yes("a length"+in, send, ok.say, goesOn, w(200, "ok", "\r\nContent-Length: 2\r\n"))
		yes("no body"+in, send, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", goesOn, w(200, ""))
		yes("chunks"+in, send, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n", goesOn, w(200, "abcde", "\r\nTransfer-Encoding: chunked\r\n", "X-Sum: 1"))
		yes("until it closes"+in, send, "HTTP/1.1 200 OK\r\n\r\nabc", closes, w(200, "abc", "\r\nTransfer-Encoding: chunked\r\n"))
		yes("until it half-closes"+in, send, "HTTP/1.1 200 OK\r\n\r\nabc", halfCloses, w(200, "abc", "\r\nTransfer-Encoding: chunked\r\n"))
		yes("204"+in, send, "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", goesOn, w(204, ""))
		yes("204 that speaks of chunks"+in, send, "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", goesOn, w(204, ""))
		yes("304 with a length"+in, send, "HTTP/1.1 304 Not Modified\r\nContent-Length: 30\r\n\r\n", goesOn, w(304, ""))
		yes("HTTP/1.0"+in, send, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", closes, w(200, "ok", "HTTP/1.1 200"))
		yes("that says close"+in, send, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", closes, w(200, "ok"))
		yes("without a reason"+in, send, "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", goesOn, w(200, "ok"))
		yes("103"+in, send, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"+ok.say, goesOn, w(200, "ok", "103 Early Hints\r\nLink: </x>\r\n"))
		yes("32 interim ones"+in, send, strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 5)+ok.say, goesOn, w(200, "ok", "102"))
		yes("100 nobody asked for"+in, send, "HTTP/1.1 100 Continue\r\n\r\n"+ok.say, goesOn, w(200, "ok"))
		old := strings.Replace(send, "1.1", "1.0", 1)
		none := w(200, "ok")
		none.goes, none.lacks = false, []string{"HTTP/1.1 1", "chunked"}
		yes("interim ones to HTTP/1.0"+in, old, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 102 X\r\n\r\n"+ok.say, goesOn, none)
		yes("chunks to HTTP/1.0"+in, old, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n", goesOn, none)
		yes("until it closes, to HTTP/1.0"+in, old, "HTTP/1.1 200 OK\r\n\r\nok", closes, none)
	}
	yes("a length to HEAD", strings.Replace(ask, "GET", "HEAD", 1), "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n", goesOn, w(200, "", "Content-Length: 30"))
	yes("chunks to HEAD", strings.Replace(ask, "GET", "HEAD", 1), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", goesOn, w(200, ""))
	return all
}

// cuts is rule 12, and the rows of 3.4 for servers that break off.
func cuts() (all []wire) {
	const rule = "1.12 cuts"
	cut := want{status: 200, term: "SD", cut: true, reached: 1}
	for name, say := range map[string]string{"within a length": "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "before the body": "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
		"within a chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", "after a chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
		"within the last chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", "within the trailers": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n"} {
		for _, then := range []ending{closes, halfCloses} {
			all = append(all, answerOf(rule, fmt.Sprint(name, [...]string{closes: ", by closing", halfCloses: ", by a half-close"}[then]), ask, says(say, then), cut))
		}
		stalled := cut
		stalled.term = "sD"
		all = append(all, answerOf(rule, name+", by silence", ask, says(say, stalls), stalled, func(c *wire) { c.slow = true }, onlyBy(whole)))
	}
	return all
}
