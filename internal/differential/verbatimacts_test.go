package differential_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"marathon-lb/internal/testkit"
	"marathon-lb/proxy"
)

// What a directive does, of its very text: each of verbatimActs is done to requests that name it, so that all stand in one template.
func TestTheDirectivesOfATemplateDoWhatTheyDoInHAProxy(t *testing.T) {
	program := testkit.Program(t, "haproxy", "nothing was compared with HAProxy")
	v, port, r := verbatim{program: program, server: startServers(t, 1)[0]}, freePorts(t, 1)[0], rand.New(rand.NewPCG(*firstSeed, 2))
	var text strings.Builder
	for i, act := range verbatimActs {
		for line := range strings.SplitSeq(act, "\n") {
			of := "req"
			if strings.HasPrefix(line, "http-response") {
				of = "res"
			}
			fmt.Fprintf(&text, "  %s if { %s.fhdr(X-Case) %d }\n", line, of, i)
		}
	}
	spec := v.spec(t, port, text.String())
	startProxy(t, at(loopSide, spec), proxy.Options{Engine: proxy.LoopEngine})
	startProxy(t, at(nethttpSide, spec), proxy.Options{Engine: proxy.NetHTTPEngine})
	bind := netip.AddrPortFrom(haproxySide, uint16(port))
	runHAProxy(t, program, fmt.Sprintf(verbatimConfig, bind, text.String(), v.server), []netip.AddrPort{bind})
	for i, act := range verbatimActs {
		for range 1 + *setCount/4 {
			q := verbatimQuestion(r)
			q.listener.Bind = bind
			q.text = strings.Replace(q.text, "\r\n", fmt.Sprintf("\r\nX-Case: %d\r\nWant-Field: X-Case: %d\r\nWant-Location: %s\r\n", i, i, pick(r, "/x", "http://h/y?z", "https://H:1/")), 1)
			q.text = strings.Replace(q.text, "HTTP/1.0", "HTTP/1.1", 1)
			theirs := plainly(q.put(haproxySide, nil))
			for engine, side := range map[string]netip.Addr{"loop": loopSide, "nethttp": nethttpSide} {
				if ours := plainly(q.put(side, nil)); ours.String() != theirs.String() {
					t.Errorf("by %s: %s\n%s\nhere:    %+v\nHAProxy: %+v", engine, act, q.text, ours, theirs)
					break
				}
			}
		}
	}
}

// plainly is an answer without what the configuration of the test does not ask HAProxy for.
func plainly(a answer) answer {
	a.unescape()
	a.withoutNames("x-forwarded-port", "x-forwarded-proto", "x-forwarded-for", "connection")
	a.Fields = slices.DeleteFunc(a.Fields, func(f string) bool { return strings.HasPrefix(f, "Keep-Alive:") })
	return a
}

// verbatimActs are lines, each to be done under a condition that is written behind them.
var verbatimActs = []string{
	// redirects
	"http-request redirect location /new", "http-request redirect location https://%[req.hdr(Host)]%[path]?%[query] code 307", "http-request redirect location '/q\"%[urlp(id),url_dec]' code 308", "http-request redirect location /d?a=1 drop-query code 301",
	"http-request redirect location %[path,regsub(^/a,/z)]%[path,length]", "http-request redirect location %[req.hdr(X-None)]", "http-request redirect prefix https://other.example code 301", "http-request redirect prefix /p drop-query", "http-request redirect prefix /p append-slash", "http-request redirect prefix /p drop-query append-slash code 303",
	"http-request redirect prefix / code 301", "http-request redirect prefix %[req.hdr(X-Number),length]", "http-request redirect scheme https", "http-request redirect scheme https code 308 drop-query", "http-request redirect scheme http drop-query append-slash", "http-request redirect location / set-cookie seen=1", "http-request redirect location / set-cookie seen",
	"http-request redirect location / clear-cookie a=", "http-request redirect location / clear-cookie a", "http-request redirect code 302 location /order", "redirect prefix http://o.example code 301", "redirect scheme https", "redirect location /100% code 303", "redirect location %[path]", "redirect prefix / drop-query append-slash set-cookie \"b=x y\"",
	// refusals
	"http-request deny", "http-request deny deny_status 200", "http-request deny deny_status 400", "http-request deny deny_status 401", "http-request deny deny_status 404", "http-request deny deny_status 407", "http-request deny deny_status 408", "http-request deny deny_status 410", "http-request deny deny_status 413",
	"http-request deny deny_status 425", "http-request deny deny_status 429", "http-request deny deny_status 500", "http-request deny deny_status 502", "http-request deny deny_status 503", "http-request deny deny_status 504", "http-request tarpit", "http-request tarpit deny_status 429",
	"http-request allow\nhttp-request deny", "http-request deny deny_status 404\nhttp-request redirect location /", "http-request set-header X-D a\nhttp-request allow\nhttp-request set-header X-D b", "http-request allow\nredirect location /late", "redirect location /late\nhttp-request deny",
	// paths
	"http-request set-path /set", "http-request set-path /p%[path]", "http-request set-path %[path,regsub(^/a,/z)]", "http-request set-path %[path,lower]", "http-request set-path /x?y=1", "http-request set-path /%[urlp(id)]", "http-request set-query q=%[query]", "http-request set-query \"%[path,length]\"", "http-request set-query %[query,regsub(a,b,g)]",
	"http-request set-uri /u%[path]?u", "http-request set-uri %[url]%[query]", "http-request set-pathq /pq?%[path]", "http-request set-pathq %[pathq,regsub(\\?,/)]", "http-request replace-path ^/(.)(.*) /\\2\\1", "http-request replace-path (.*) /foo\\1", "http-request replace-path /b/ /x/", "http-request replace-path \"([^/]*)/(.*)\" \"/\\2/\\1%[src]\"", "http-request replace-path ^/(a+)? /\\0\\1",
	"http-request replace-uri ^/foo/(.*) /\\1", "http-request replace-uri ([^?]*)(\\?.*)? \\1\\2&x", "http-request replace-pathq (.*)\\?(.*) \\1?\\2&more", "http-request replace-pathq ^/ /%%[\\0]", "http-request set-path /one\nhttp-request set-header X-D %[path]-%[pathq]-%[capture.req.uri]-%[capture.req.method]", "http-request set-query id=7\nhttp-request set-header X-D %[urlp(id)]%[url]",
	"http-request set-path /one\nhttp-response set-header X-D %[capture.req.uri]", "http-request set-query b=c\nhttp-response set-header X-D %[capture.req.uri]%[hdr(X-It)]", "http-request set-path /one\nhttp-request redirect prefix /p", "http-request set-header Host new.example\nhttp-request redirect scheme https",
	// fields of requests
	"http-request set-header X-D \"a b %[path] %[query]\"", "http-request set-header X-D %[req.hdr(X-It)]\nhttp-request set-header X-It %[req.hdr(X-It)],z", "http-request add-header X-It two\nhttp-request set-header X-D %[hdr_cnt(X-It)]", "http-request del-header x-it", "http-request del-header X-It\nhttp-request add-header X-It %[req.hdr(X-It)]n", "http-request set-header X-D ' a '", "http-request set-header X-D %[req.hdr(X-None)]",
	"http-request set-header Host inner.example", "http-request set-header Host %[req.hdr(Host),lower,field(1,:)]\nhttp-request set-header X-D %[base]", "http-request del-header Cookie", "http-request del-header X-Two\nhttp-request del-header X-It", "http-request set-header X-Two \"%[req.hdr(X-Two),regsub(' ',_,g)]\"",
	"http-request replace-header X-It ^([a-z])(.*)$ \\2\\1", "http-request replace-header X-It (.*) <\\1>", "http-request replace-header X-It , ;", "http-request replace-header X-It ^$ empty", "http-request replace-header X-It \"([a-z]+), (.*)\" \"\\2, \\1 %[method]\"", "http-request replace-header Cookie a=([^;]*) b=\\1", "http-request replace-header Host (.*) \\1.x", "http-request replace-header X-It o '\\0\\\\0%%'",
	"http-request replace-value X-It ^(.)$ <\\1>", "http-request replace-value X-It (.*) [\\1]", "http-request replace-value X-It one two,three", "http-request replace-value Cookie ^a=(.*)$ z=\\1", "http-request replace-value X-Forwarded-Proto x y",
	// fields of responses
	"http-response set-header X-D a", "http-response add-header X-D \"%[src] b\"", "http-response add-header X-It z\nhttp-response set-header X-D %[res.hdr_cnt(X-It)]", "http-response del-header X-It", "http-response set-header X-D %[status]-%[res.hdr(X-It)]", "http-response replace-header Location ^http://(.*) https://\\1", "http-response replace-header Location (.*) \\1%[status]",
	"http-response replace-value X-It ^(.)$ <\\1>", "http-response replace-value X-It (.*) \"[\\1]\"", "http-response set-header Cache-Control no-store", "http-response del-header Location", "http-response replace-header X-It '^\"(.*)\"$' \\1", "http-response set-header Location %[res.hdr(Location),lower]", "http-response set-header Vary \"X-It, Cookie\"", "http-response set-header ETag '\"v1\"'",
}
