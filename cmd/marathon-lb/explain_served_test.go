package main

import (
	"crypto/tls"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"marathon-lb/marathon/marathontest"
)

// asksLB is what a running load balancer explains.
func (r *rig) asksLB(args ...string) string {
	return explainOf(append([]string{"--lb", r.stats}, args...)...)
}

func TestAURLWhoseBytesClientsOftenEscapeIsExplainedAsItIsWritten(t *testing.T) {
	r := newRig(t, marathontest.Options{Handler: tell})
	create(t, r.sim, app("/plain", freePort(t), 1, "HAPROXY_0_VHOST", "pipe.example"),
		app("/pipe", freePort(t), 1, "HAPROXY_0_VHOST", "pipe.example", "HAPROXY_0_PATH", "/a|b"),
		app("/quote", freePort(t), 1, "HAPROXY_0_VHOST", "pipe.example", "HAPROXY_0_PATH", `/"q"`),
		app("/no", freePort(t), 1, "HAPROXY_0_VHOST", "no.example", "HAPROXY_0_BACKEND_HTTP_OPTIONS", "  http-request deny if { path_sub | }\n"))
	at := strings.TrimPrefix(r.http, "http://")
	for _, c := range []struct{ host, target, app string }{
		{"pipe.example", "/a|b", "pipe"}, {"pipe.example", "/a%7Cb", "plain"}, {"pipe.example", `/"q"/x`, "quote"}, {"pipe.example", `/\{}`, "plain"},
		{"pipe.example", "/a%2", "plain"}, {"no.example", "/x|y", ""}, {"no.example", "/x", "no"},
	} {
		want, says := "HTTP/1.1 403", "not served: 403"
		if c.app != "" {
			want, says = "task="+c.app+".", "served: port 0 of /"+c.app+","
			if c.target == "/a%2" { // Go's server, which the task is, takes no such target
				want = "HTTP/1.1 400"
			}
		}
		eventually(t, c.target+" is answered with "+want, func() bool {
			return strings.Contains(sayTo(at, nil, "GET "+c.target+" HTTP/1.1\r\nHost: "+c.host+"\r\nConnection: close\r\n\r\n"), want)
		})
		if got := r.asksLB("http://" + c.host + c.target); !strings.Contains(got, "\n  "+says) {
			t.Errorf("%s: want %s, got\n%s", c.target, says, got)
		}
	}
}

func TestWhatNobodyCanBeServedWithoutIsExplained(t *testing.T) {
	pem := certAndTemplate(t, "UNUSED", "")
	r := newRig(t, marathontest.Options{Handler: tell})
	proxied, verified, held, moved := freePort(t), freePort(t), freePort(t), freePort(t)
	create(t, r.sim, app("/proxied", proxied, 1, "HAPROXY_0_BIND_OPTIONS", "accept-proxy"),
		app("/verified", verified, 1, "HAPROXY_0_SSL_CERT", pem, "HAPROXY_0_BIND_OPTIONS", "ca-file "+pem+" verify required"),
		app("/held", held, 0, "HAPROXY_0_HOLD", "3s"),
		app("/moved", moved, 1, "HAPROXY_0_VHOST", "moved.example", "HAPROXY_0_HTTP_BACKEND_PROXYPASS_PATH", "/in"),
		app("/secure", freePort(t), 1, "HAPROXY_0_VHOST", "secure.example", "HAPROXY_0_REDIRECT_TO_HTTPS", "true"))
	eventually(t, "all are served", func() bool {
		return strings.HasPrefix(sayTo(loopback(held), nil, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), "HTTP/1.1 503") &&
			strings.Contains(r.asksLB("/secure"), "port 0: exposed")
	})
	_, port, _ := strings.Cut(strings.TrimPrefix(r.stats, "http://"), ":")
	forwarded := []string{"--header", "X-Forwarded-Proto:https", "http://secure.example/"}
	for name, c := range map[string]struct {
		args []string
		says []string
	}{
		"a PROXY header":        {[]string{fmt.Sprintf("http://a.example:%d/", proxied)}, []string{"begin with a PROXY header", "one without is closed"}},
		"a certificate":         {[]string{fmt.Sprintf("https://a.example:%d/", verified)}, []string{"with a certificate only", filepath.Base(pem)}},
		"a task":                {[]string{fmt.Sprintf("http://a.example:%d/", held)}, []string{"not served: 503", "held for 3s"}},
		"a trusted address":     {forwarded, []string{"not served: 301", "no client's address was given"}},
		"an address not known":  {append([]string{"--from", "203.0.113.7"}, forwarded...), []string{"not served: 301", "203.0.113.7 is not in there"}},
		"one that is trusted":   {append([]string{"--from", "10.0.0.1"}, forwarded...), []string{"served: port 0 of /secure"}},
		"the server's own path": {[]string{"http://moved.example/in/x?y"}, []string{"the server is asked for /x?y"}},
		"the own statistics":    {[]string{"http://ex.example:" + port + "/"}, []string{"not served: no listener", "own statistics"}},
	} {
		got := r.asksLB(c.args...)
		for _, word := range c.says {
			if !strings.Contains(got, word) {
				t.Errorf("%s: %q is missing in\n%s", name, word, got)
			}
		}
	}
	const request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	if got := sayTo(loopback(proxied), nil, request) + sayTo(loopback(verified), &tls.Config{InsecureSkipVerify: true}, request); got != "" {
		t.Errorf("they are served without: %s", got)
	}
	if got := sayTo(strings.TrimPrefix(r.http, "http://"), nil, "GET /in/x?y HTTP/1.1\r\nHost: moved.example\r\nConnection: close\r\n\r\n"); !strings.Contains(got, "target=/x?y\n") {
		t.Errorf("the server was asked for something else: %s", got)
	}
}

func TestRequestsThatCannotBeReadAreExplainedAs400(t *testing.T) {
	file := []string{"--file", explainedApps, "--group", "external"}
	for _, c := range []struct {
		says string
		args []string
	}{
		{"not served: 400", []string{"--header", "Host:", "http://shop.example.com/"}},
		{"not served: 400", []string{"--header", "Host: a b", "http://shop.example.com/"}},
		{"not served: 400", []string{"--header", "Host: shop.example.com", "--header", "Host: shop.example.com", "http://shop.example.com/"}},
		{"browsers would ask for /a%20%C3%BC", []string{"http://shop.example.com/a ü"}},
		{"not served: 400", []string{"https://shop.example.com/a%2"}},
		{"served: port 0 of /shop/web", []string{"http://shop.example.com/a%2"}},
		{"served: port 0 of /shop/web", []string{"http://shop.example.com/a#b c"}},
		{"served: port 0 of /shop/web", []string{"shop.example.com?u=http://x"}},
		{"served: port 0 of /shop/web", []string{"ws://shop.example.com/"}},
		{"marathon_https_in", []string{"wss://shop.example.com/"}},
		{"did you mean the app /secret?", []string{"secret"}},
		{"did you mean the app /shop/web?", []string{"shop/web/"}},
		{"port 0: exposed", []string{"/shop/web/"}},
		{`"no  method`, []string{"--method", "no  method", "http://shop.example.com/"}},
		{"control characters", []string{"http://shop.example.com/\r\nX: y"}},
		{"no line of a head", []string{"--header", "A: b\r\nX: y", "http://shop.example.com/"}},
	} {
		if got := explainOf(append(file, c.args...)...); !strings.Contains(got, c.says) {
			t.Errorf("%q: want %s, got\n%s", c.args, c.says, got)
		} else if strings.Contains(got, "400") && strings.Contains(got, "App /") {
			t.Errorf("%q: apps are blamed for it:\n%s", c.args, got)
		}
	}
}
