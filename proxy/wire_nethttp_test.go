package proxy_test

import (
	"regexp"
	"slices"
	"testing"
)

// nethttpLax are the cases in which Go's HTTP library is less strict than reliability.md asks for (D-HEADER-11), and why that is borne: the
// request it makes of them is one, and is written anew. Names are matched from the beginning of "rule/name".
var nethttpLax = []struct{ cases, why string }{
	{`1\.1 line ends/(LF |\d empty)`, "it takes a bare LF for the end of a line, and no empty line before a request"},
	{`1\.2 request line/version HTTP/1\.[29]`, "any HTTP/1.x is as good as 1.1"},
	{`1\.2 request line/(a long method|target "(\*|h:80|/a#b|/é|/\\x80|http|ftp|mailto))`, "it reads targets as URLs, and ours refuses what a server may read otherwise"},
	{`1\.3 fields/"A: b\\r\\n( |\\t)`, "it joins folded lines"},
	{`1\.4 Host/(host "|1\.1 with "Host:\\r)`, "it looks at the characters of a host, not at its form"},
	{`1\.5 Content-Length/"(0000|Content-Length: 3\\r\\nContent-Length: 3"|X: y)`, "it makes one of two equal lengths"},
	{`1\.6 Transfer-Encoding/("X: y|"Transfer-Encoding:\\r|HTTP/1\.0|"(Transfer-Encoding: chunked\\r\\n)?Content-Length|"Transfer-Encoding: chunked\\r\\nContent)`,
		"it lets chunks win over a length, and takes no notice of them in HTTP/1.0"},
	{`1\.7 chunks/(size "(F|8)|size "3(\\t| |;a\\x00|;a\\x7f)"|a last chunk of "0( |\\r\\n)|trailer|with|17 KB|9 KB)`, "it reads sizes, extensions and trailers loosely, and drops the latter two"},
	{`1\.8 hop by hop/"TE: `, "it writes the names of fields in its own way: Te"},
	{`1\.9 upgrade/101 without Connection`, "it takes a 101 without Connection for an answer without a body"},
	{`1\.10 answers/("HTTP/(0\.9|1\.2|2\.0)|"HTTP/1\.1 (099|600|999| 200|200 O)|33 interim|LF |HTTP/1\.0 with|"(A|Content-Length: 3\\r))`, "its reader of answers is its client's"},
	{`1\.12 cuts/`, "a head that was not flushed goes down with what was to follow: the client sees no answer"},
	{`3\.1 limits/(101 fields|a (target|head) without an end|a head of 32 KB and one)`, "it adds 4 KB to the limit, and waits for the end of what is too long"},
	{`3\.1 clients/a (head|line) that|3\.1 clients/(only an empty line|a head without its end)`, "it answers or closes without a word of its own to the log"},
	{`3\.4 servers/an early answer`, "the rest of the body that the client owes counts as a bad request, and close is not announced"},
}

var nethttpLaxRE = func() (all []*regexp.Regexp) {
	for _, l := range nethttpLax {
		all = append(all, regexp.MustCompile("^(?:"+l.cases+")"))
	}
	return all
}()

// laxly says whether net/http is known to take what the case has refused.
func laxly(c wire) bool {
	for _, re := range nethttpLaxRE {
		if re.MatchString(c.rule + "/" + c.name) {
			return true
		}
	}
	return false
}

// checkLax is what has to hold where net/http has its own mind: whatever it makes of the bytes, it is no more than one request.
func checkLax(t *testing.T, got asked, seen seen, answers int) {
	if n := len(seen.whole) + seen.parts; n > answers {
		t.Errorf("%d requests reached the server: %.300q", n, seen.whole)
	}
	if len(got.answers) > answers {
		t.Errorf("%d answers came", len(got.answers))
	}
}

// checkRefused is for what both engines refuse: the library has its own words for it, and its own way to log them.
func checkRefused(t *testing.T, got asked, seen seen, answers int) {
	if a := got.last(); len(got.answers) == answers && a.status != 0 && a.status < 400 || got.goes {
		t.Errorf("the client got %d: %.200q", a.status, a.raw)
	}
	if len(seen.whole) >= answers {
		t.Errorf("it reached the server: %.300q", seen.whole)
	}
}

// atEase has nobody wait for what net/http does not do: the server ends what it would have left open, and time-outs are short.
func atEase(c wire) wire {
	c.replies, c.slow = slices.Clone(c.replies), true
	for i := range c.replies {
		if c.replies[i].then == stalls {
			c.replies[i].then = closes
		}
	}
	return c
}
