package differential_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/internal/testkit"
	"marathon-lb/marathon"
	"marathon-lb/proxy"
)

// HAProxy is given the very text of a template here, and not what we print of what we understood: quotes, flags, fetches, converters and
// matches have to mean to us what they mean to it. Each line writes a field of its own, so that one request tells of all of them.
func TestTheTextOfATemplateMeansWhatItMeansToHAProxy(t *testing.T) {
	program := testkit.Program(t, "haproxy", "nothing was compared with HAProxy")
	servers, r := startServers(t, 1), rand.New(rand.NewPCG(*firstSeed, 1))
	v := verbatim{program: program, server: servers[0]}
	for chunk := range slices.Chunk(verbatimLines(), 60) {
		port := freePorts(t, 1)[0]
		t.Run(strings.Fields(chunk[0])[2], func(t *testing.T) { v.compare(t, r, port, chunk) })
	}
}

type verbatim struct {
	program string
	server  int
}

// verbatimLines number the fields that the lines write.
func verbatimLines() (lines []string) {
	n := 0
	name := func(kind string) string { n++; return fmt.Sprintf("X-%s-%d", kind, n) }
	for i, test := range verbatimTests {
		lines = append(lines, fmt.Sprintf("acl t_%d %s\n  http-request set-header %s yes if t_%d", i, test, name("Test"), i))
		if i%3 == 0 && !strings.Contains(test, `""`) { // which ends the line
			lines = append(lines, fmt.Sprintf("http-request set-header %s yes unless { %s }", name("Brace"), test))
		}
	}
	for _, condition := range verbatimConditions {
		lines = append(lines, "acl many path_beg /a\n  acl many hdr(X-It) one\n  acl odd-:._x path_end c\n  http-request set-header "+name("Condition")+" yes "+condition)
	}
	for _, text := range verbatimTexts {
		lines = append(lines, fmt.Sprintf("http-request set-header %s %s", name("Text"), text))
	}
	for _, text := range verbatimAnswerTexts {
		lines = append(lines, fmt.Sprintf("http-response set-header %s %s", name("Answer"), text))
	}
	for _, test := range verbatimAnswerTests {
		lines = append(lines, fmt.Sprintf("http-response set-header %s yes if { %s }", name("Answer-Test"), test))
	}
	return lines
}

// compare has all sides carry out the lines.
func (v verbatim) compare(t *testing.T, r *rand.Rand, port int, lines []string) {
	text := "  " + strings.Join(lines, "\n  ") + "\n"
	spec := v.spec(t, port, text)
	startProxy(t, at(loopSide, spec), proxy.Options{Engine: proxy.LoopEngine})
	startProxy(t, at(nethttpSide, spec), proxy.Options{Engine: proxy.NetHTTPEngine})
	bind := netip.AddrPortFrom(haproxySide, uint16(port))
	runHAProxy(t, v.program, fmt.Sprintf(verbatimConfig, bind, text, v.server), []netip.AddrPort{bind})
	told := map[string]bool{}
	for range *setCount { // each chunk of lines
		q := verbatimQuestion(r)
		q.listener.Bind = bind
		theirs := q.fields(t, haproxySide)
		for engine, side := range map[string]netip.Addr{"loop": loopSide, "nethttp": nethttpSide} {
			ours := q.fields(t, side)
			for name, value := range union(ours, theirs) {
				if (theirs[name] != value || ours[name] != value) && !told[engine+name] {
					told[engine+name] = true
					t.Errorf("by %s: %s\n%shere:    %q\nHAProxy: %q", engine, lineOf(lines, name), q.text, ours[name], theirs[name])
				}
			}
		}
	}
}

const verbatimConfig = `
global
  tune.http.maxhdr 1000
defaults
  mode http
  timeout connect 9s
  timeout tarpit 1ms
  timeout client 60s
  timeout server 60s
frontend f
  bind %s
  log 127.0.0.1:1 local0
  option httplog # or nothing is captured
  default_backend b
backend b
%s
  server s 127.0.0.1:%d
`

// spec is that of one service with the text, of which there is nothing to complain.
func (v verbatim) spec(t *testing.T, port int, text string) route.Spec {
	o := marathon.Options{Groups: []string{"external"}, ServiceAddr: loopSide}
	c := marathon.NewCompiler(o)
	a := marathon.App{
		ID: "/app", Version: "2026-11-24T12:00:00Z", PortDefinitions: []marathon.PortDefinition{{Port: port}},
		Labels: map[string]string{"HAPROXY_GROUP": "external", "HAPROXY_0_MODE": "http", "HAPROXY_0_BACKEND_HTTP_OPTIONS": text},
	}
	one := task(rand.New(rand.NewPCG(0, 0)), a.ID, 0)
	one.State, one.Ports = marathon.TaskRunning, []int{v.server}
	a.Tasks = []marathon.Task{one}
	c.Set(a, marathon.Facts{Health: map[string]marathon.Health{one.ID: marathon.Unchecked}})
	table, _ := route.Build(route.NewTable(1), c.Link(time.Now()))
	for _, p := range c.Problems() {
		t.Errorf("%s: %s", p.Value, p.Reason)
	}
	return table.Spec()
}

// fields are those that the lines wrote, of the request and of its answer, by name.
func (q question) fields(t *testing.T, side netip.Addr) map[string]string {
	a := q.put(side, map[string]server{})
	if a.Status == 0 || a.Ended != "" {
		t.Fatalf("%s: %+v\n%s", side, a, q.text)
	}
	all := map[string]string{}
	for _, f := range slices.Concat(a.Head, a.Wrote) {
		if name, value, _ := strings.Cut(f, ": "); numbered.MatchString(name) {
			all[strings.ToLower(name)] = value
		}
	}
	return all
}

var numbered = regexp.MustCompile(`(?i)^x-[a-z-]+-[0-9]+$`)

// lineOf is the line that writes a field.
func lineOf(lines []string, name string) string {
	for _, l := range lines {
		if strings.Contains(strings.ToLower(l), name+" ") {
			return l
		}
	}
	return name
}

// union has the keys of both, with the value that one of them has.
func union(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// verbatimQuestion draws a request full of what the lines ask for.
func verbatimQuestion(r *rand.Rand) question {
	q := question{source: pick(r, "127.0.0.1", "127.0.5.5", "127.0.6.6"), method: pick(r, "GET", "GET", "POST", "HEAD", "PUT", "OPTIONS", "PURGE", "get")}
	path := pick(r, "/", "/a", "/a/b", "/a.b/c", "/A/b.c", "/foo/x", "/FOO", "/a//b", "/%41%25", "/a%2fb+c", "/it's", "/a-b_c/5", "/b?", "/c:d/e.f", "//a", "/a;b=c", `/x"y`, "/x,y", "/100%25")
	query := pick(r, "", "", "?", "?id=1", "?id=&a=b", "?a=b&id=2&id=3", "?id=a+b%20c%2", "?x", "?id=%zz&q=a%26b", "?a=B;id=x?id=9", "?id=/p/q.r", "?id=-5", "?a=127.0.0.1&id=010")
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s%s HTTP/%s\r\nHost: %s\r\n", q.method, path, query, pick(r, "1.1", "1.1", "1.1", "1.0"), pick(r, "a.example", "A.Example:80", "x.w.example.", "example"))
	for range r.IntN(4) {
		fmt.Fprintf(&b, "%s: %s\r\n", pick(r, "X-It", "X-It", "x-it", "X-Two"), values[r.IntN(len(values))])
	}
	if r.IntN(2) == 0 {
		fmt.Fprintf(&b, "X-Number: %s\r\n", pick(r, "5", "-5", "05", "7 , 8", "", "1,-5", "2147483647"))
	}
	for range r.IntN(3) {
		fmt.Fprintf(&b, "Cookie: %s\r\n", pick(r, "a=b", "a=", "c=d; a=one; a=two", "a = b ;c", `a="x; y"`, "A=b", "xa=1;a=2", "a=/p/q.r", "a", "a=b=c", "$Version=1; a=q", "a=1, b=2", ";;a=3"))
	}
	if r.IntN(2) == 0 {
		fmt.Fprintf(&b, "X-Forwarded-For: %s\r\n", pick(r, "1.2.3.4", "1.2.3.4, 5.6.7.8", "unknown", "::1", "1.2.3.4:80", "10.1.1.1 "))
	}
	for range r.IntN(3) {
		fmt.Fprintf(&b, "Want-Field: X-It: %s\r\n", values[r.IntN(len(values))])
	}
	if r.IntN(3) == 0 {
		fmt.Fprintf(&b, "Want-Status: %s\r\n", pick(r, "404", "500", "301", "304"))
	}
	if q.text = b.String() + "\r\n"; q.method == "POST" || q.method == "PUT" {
		q.text = b.String() + "Content-Length: 5\r\n\r\nhello"
	}
	return q
}

func TestNoFetchIsLeftOutOfWhatHAProxyIsAsked(t *testing.T) {
	asked := strings.Join(verbatimLines(), "\n")
	for _, line := range route.Fetches() {
		names, _, _ := strings.Cut(line, ":")
		for name := range strings.SplitSeq(strings.TrimSuffix(names, " *"), ", ") {
			if !regexp.MustCompile(`[\[ {]` + regexp.QuoteMeta(name) + `[( \],]`).MatchString(asked) {
				t.Error(name)
			}
		}
	}
}

// values are what fields may hold.
var values = []string{
	"one", "ONE", "a", "a, b", "one, two ,three", `"a,b", c`, `a "b`, "", "5", "-5", "05", "5x", " 7", "127.0.0.1", "127.0.5.9, 10.0.0.1", "::1", "::ffff:127.0.0.1", "a/b/c", "/a/b/", "a.b.c", "caf\xe9", "\xc3\x89T\xc3\x89",
	"it's", `back\slash`, "100%", "x y  z", "1.2", "true", "9223372036854775807", "a=b; c=d", "#x", "$HOME", "},{", ",", "a,,b", "1.2.3", "http://h/p?q", "MTIz",
}
