package proxy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"marathon-lb/proxy"
)

// reuse is rule 11: which connections to the server carry another request. The probe that follows is sent on the same one, or on a new one.
func reuse() (all []wire) {
	const rule = "1.11 reuse"
	head := strings.Replace(ask, "GET", "HEAD", 1)
	second := ok.say + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
	for _, c := range []struct {
		name, send, say string
		then            ending
		conns           int
	}{
		{"a length", ask, ok.say, goesOn, 1},
		{"chunks", ask, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", goesOn, 1},
		{"HTTP/1.0 that keeps it", ask, "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", goesOn, 1},
		{"HTTP/1.0", ask, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", goesOn, 2},
		{"close", ask, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", goesOn, 2},
		{"close among others", ask, "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\nok", goesOn, 2},
		{"until it closes", ask, "HTTP/1.1 200 OK\r\n\r\nok", closes, 2},
		{"a half-close", ask, ok.say, halfCloses, 2},
		{"more than announced", ask, ok.say + "more", goesOn, 2},
		{"a second answer", ask, second, goesOn, 2},
		{"a byte more", ask, ok.say + "\n", goesOn, 2},
		{"a body after HEAD", head, ok.say, goesOn, 2},
		{"a second answer after HEAD", head, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + second, goesOn, 2},
		{"a body after 204", ask, "HTTP/1.1 204 No\r\n\r\nok", goesOn, 2},
		{"a body after 304", ask, "HTTP/1.1 304 No\r\nContent-Length: 2\r\n\r\nok", goesOn, 2},
		{"bytes after the last chunk", ask, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n0\r\n\r\n", goesOn, 2},
	} {
		w := want{status: 200, term: "--", goes: true, reached: 1, body: "ok", conns: c.conns, lacks: []string{"evil"}}
		if strings.Contains(c.name, "HEAD") {
			w.body = ""
		}
		for _, status := range []int{204, 304} {
			if strings.Contains(c.say, fmt.Sprint(status)) {
				w.status = status
			}
		}
		all = append(all, answerOf(rule, c.name, c.send, says(c.say, c.then), w, onlyBy(whole)))
	}
	return all
}

// repeats is rule 13: what is sent a second time, and what never is.
func repeats() (all []wire) {
	const rule = "1.13 repeats"
	request := func(method, body string) string {
		lines := ""
		if body != "" {
			lines = fmt.Sprintf("Content-Length: %d\r\n", len(body))
		}
		return method + " /a HTTP/1.1\r\nHost: h\r\n" + lines + "\r\n" + body
	}
	lost := func(reached int) want { return want{status: 502, term: "SH", reached: reached} }
	well := func(reached int) want { w := passed(); w.reached = reached; return w }
	for _, then := range []ending{closes, resets} {
		how := [...]string{closes: " (FIN)", resets: " (RST)"}[then]
		gone, part := reply{then: then}, reply{say: "HTTP/1.1 200 O", then: then}
		hint := reply{say: "HTTP/1.1 103 Early Hints\r\n\r\n", then: then}
		inPart := lost(1)
		if engine == proxy.NetHTTPEngine {
			inPart = well(2) // its library does not tell half a head from none
		}
		for _, c := range []struct {
			name, send string
			replies    []reply
			want       want
		}{
			{"a GET, once more", request("GET", ""), []reply{gone, ok}, well(2)},
			{"a DELETE, once more", request("DELETE", ""), []reply{gone, ok}, well(2)},
			{"a GET, not twice more", request("GET", ""), []reply{gone, gone, ok}, lost(2)},
			{"no POST", request("POST", ""), []reply{gone, ok}, lost(1)},
			{"no POST with a body", request("POST", "abc"), []reply{gone, ok}, lost(1)},
			{"no PATCH", request("PATCH", "abc"), []reply{gone, ok}, lost(1)},
			{"no unknown method", request("BUY", ""), []reply{gone, ok}, lost(1)},
			{"no PUT whose body is gone", request("PUT", "abc"), []reply{gone, ok}, lost(1)},
			{"no GET that was answered in part", request("GET", ""), []reply{part, ok}, inPart},
			{"no GET that was hinted at", request("GET", ""), []reply{hint, ok}, lost(1)},
		} {
			all = append(all, answerOf(rule, c.name+how, c.send, c.replies, c.want, onlyBy(whole)))
		}
		// Behind a good request the connection is one of the pool.
		for _, c := range []struct {
			name, send string
			replies    []reply
			want       want
		}{
			{"a GET on a kept connection", request("GET", ""), []reply{gone, ok}, well(2)},
			{"no POST on a kept connection", request("POST", ""), []reply{gone, ok}, lost(1)},
			{"no PUT with a body on a kept connection", request("PUT", "abc"), []reply{gone, ok}, lost(1)},
		} {
			all = append(all, answerOf(rule, c.name+how, c.send, c.replies, c.want, onlyBy(behind)))
		}
	}
	return all
}

// early are the rows of 3.4 for servers that answer before they have the whole request, or do not answer.
func early() (all []wire) {
	const rule = "3.4 servers"
	const length, chunked = "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc", "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
	for _, send := range []string{length, chunked} {
		in := map[bool]string{true: " to a length", false: " to chunks"}[send == length]
		for _, then := range []ending{closes, halfCloses, goesOn} {
			say := "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig"
			w := want{status: 413, term: "--", begun: 1, gets: []string{"big", "\r\nConnection: close\r\n"}}
			how := [...]string{closes: ", and closes", halfCloses: ", and half-closes", goesOn: ", and stays"}[then]
			all = append(all, answerOf(rule, "an early answer"+in+how, send, []reply{{say: say, early: true, then: then}}, w, onlyBy(whole)))
		}
		stalled := want{status: 408, term: "cH", begun: 1}
		all = append(all, answerOf("3.1 clients", "a body that stalls"+in, send, nil, stalled, slowly, onlyBy(whole)))
	}
	for _, send := range []string{ask, length + "defghij", chunked + "0\r\n\r\n"} {
		name := fmt.Sprintf("no answer to %.40q", send[strings.Index(send, "h\r\n")+3:])
		all = append(all, answerOf(rule, name, send, []reply{{then: stalls}}, want{status: 504, term: "sH", reached: 1}, slowly, onlyBy(whole)))
		all = append(all, answerOf(rule, "half a head, then "+name, send, []reply{{say: "HTTP/1.1 200 OK\r\nA:", then: stalls}}, want{status: 504, term: "sH", reached: 1}, slowly, onlyBy(whole)))
	}
	for name, send := range map[string]string{"a head that stops": "GET / HTTP/1.1\r\nHos", "a line that stops": "GE", "a head without its end": "GET / HTTP/1.1\r\nHost: h\r\n", "only an empty line": "\r\n"} {
		all = append(all, wire{rule: "3.1 clients", name: name, send: send, want: want{status: 408, term: "cR"}, slow: true, ways: once})
	}
	return all
}

func slowly(c *wire) { c.slow = true }

// Rule 11, for requests that were not sent whole: what the server still waits for must not be the next client's request.
func TestAnEarlyAnswerLeavesNoHalfARequestForTheNextClient(t *testing.T) {
	for _, send := range []string{"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc", "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"} {
		r := newWireRig(t, proxy.Options{AccessLog: proxy.LogAll, Timeouts: patient})
		r.server.begin([]reply{{say: ok.say, early: true}, ok}, false)
		if got := r.ask(t, send, whole, 1); got.last().status != 200 || got.goes {
			t.Errorf("%q: got %d, and the connection goes on %v", send, got.last().status, got.goes)
		}
		if got := r.ask(t, good, whole, 1); got.last().body != "ok" || !got.goes {
			t.Errorf("the next client got %q, and its connection goes on %v", got.last().raw, got.goes)
		}
		seen := r.server.end(t)
		requests := slices.DeleteFunc(seen.whole, func(w string) bool { // what the same client sent next may have been its body's rest
			return engine == proxy.NetHTTPEngine && strings.Contains(w, "POST /a") && strings.HasSuffix(w, "abcGET /pr")
		})
		if len(requests) != 1 || len(seen.probes) != 1 || seen.conns != 2 {
			t.Errorf("the server saw %.300q on %d connections", requests, seen.conns)
		}
	}
}
