package proxy_test

import (
	"path/filepath"
	"strings"
	"testing"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

func TestAnAnswerOfOursIsTheFilesWhetherThereIsAServiceOrNot(t *testing.T) {
	dir := t.TempDir()
	file := func(name, body string) string {
		return put(t, filepath.Join(dir, name), []byte("HTTP/1.0 503 Service Unavailable\r\nContent-Type: text/plain\r\n\r\n"+body))
	}
	r := newRig(t, proxy.Options{ErrorFiles: []route.ErrorFile{{Status: 503, Path: file("all", "of all")}, {Status: 403, Path: filepath.Join(dir, "none")}}})
	byHost, port, other := freePort(t), freePort(t), freePort(t)
	c, own := service(route.HTTP, port), service(route.HTTP, other)
	own.SetBackends[0].Do = &route.Directives{Errors: []route.ErrorFile{{Status: 503, Path: file("own", "its own")}}}
	c.SetBackends = append(c.SetBackends, own.SetBackends...)
	c.SetListeners = append(append(c.SetListeners, own.SetListeners...), entry(route.HTTPIn, route.ByHost, byHost))
	r.apply(c)
	for at, want := range map[int]string{byHost: "of all", port: "of all", other: "its own"} {
		if resp, body := get(t, url(at, "/"), "Host", "unknown.test"); resp.StatusCode != 503 || body != want || resp.Header.Get("Content-Type") != "text/plain" {
			t.Errorf("%d %q, want %q", resp.StatusCode, body, want)
		}
	}
	if p := r.Problems(); len(p) != 1 || p[0].App != "" || !strings.HasSuffix(p[0].Value, "none") {
		t.Errorf("%+v", p)
	}
}
