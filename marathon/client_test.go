package marathon_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"marathon-lb/marathon"
)

// serve is a Marathon that answers as told.
func serve(t *testing.T, answer http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/v2/pods") { // it is older than pods
			http.NotFound(w, r)
			return
		}
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func reply(status int, kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func newClient(t *testing.T, o marathon.ClientOptions, endpoints ...string) *marathon.Client {
	t.Helper()
	o.Endpoints = endpoints
	c, err := marathon.NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

const twoApps = `{"apps":[{"id":"/a"},{"id":"/b/c"}]}`

func TestAppsAreReadPackedAndUnderAPath(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/service/marathon/v2/apps" || !strings.Contains(r.URL.RawQuery, "embed=apps.tasks") {
			t.Errorf("asked for %s", r.URL)
		}
		if r.Header.Get("Accept-Encoding") != "gzip" || r.Header.Get("User-Agent") != "marathon-lb" {
			t.Errorf("fields %v", r.Header)
		}
		w.Header().Set("Content-Type", "application/json; qs=2")
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("X-Marathon-Leader", "http://leader:8080")
		z := gzip.NewWriter(w)
		io.WriteString(z, twoApps)
		z.Close()
	})
	c := newClient(t, marathon.ClientOptions{}, s.URL+"/service/marathon/")
	before := time.Now()
	list, err := c.Apps(t.Context())
	if err != nil || len(list.Apps) != 2 || list.Apps[1].ID != "/b/c" {
		t.Fatalf("%+v %v", list, err)
	}
	if list.Leader != "http://leader:8080" || list.Endpoint != s.URL+"/service/marathon" || list.Sent.Before(before) {
		t.Errorf("source %+v", list.Source)
	}
}

func TestAnswersThatAreNoListFailEachWithItsReason(t *testing.T) {
	reset := func(w http.ResponseWriter, r *http.Request) {
		c, _, _ := w.(http.Hijacker).Hijack()
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	half := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, twoApps[:20])
	}
	hang := func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	hangInBody := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, twoApps[:20])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
	for reason, answers := range map[marathon.Reason][]http.HandlerFunc{
		marathon.ReasonStatus: {reply(500, "application/json", twoApps), reply(502, "text/html", "<html>no leader"),
			reply(204, "application/json", ""), reply(404, "application/json", `{"message":"App '/' does not exist"}`)},
		marathon.ReasonAuth:      {reply(401, "text/html", "<html>"), reply(403, "text/html", "<html>")},
		marathon.ReasonNotJSON:   {reply(200, "text/html", "<html>login"), reply(200, "text/plain", twoApps)},
		marathon.ReasonNoApps:    {reply(200, "application/json", `{}`), reply(200, "application/json", `{"apps":null}`), reply(200, "application/json", `[]`)},
		marathon.ReasonBadJSON:   {reply(200, "application/json", `<html>`), reply(200, "application/json", `{"apps":[x]}`)},
		marathon.ReasonTruncated: {half, reply(200, "application/json", twoApps[:20]), reply(200, "application/json", "")},
		marathon.ReasonConnect:   {reset},
		marathon.ReasonTimeout:   {hang, hangInBody},
		marathon.ReasonTooLarge:  {reply(200, "application/json", `{"apps":[{"id":"`+strings.Repeat("x", 2000)+`"}]}`)},
	} {
		for i, answer := range answers {
			t.Run(fmt.Sprintf("%s %d", reason, i), func(t *testing.T) {
				c := newClient(t, marathon.ClientOptions{Timeout: 300 * time.Millisecond, MaxBody: 1000}, serve(t, answer).URL)
				list, err := c.Apps(t.Context())
				var read *marathon.ReadError
				if !errors.As(err, &read) || read.Reason != reason {
					t.Errorf("%v", err)
				}
				if list.Apps != nil || c.Failures()[reason] != 1 {
					t.Errorf("apps %v, failures %v", list.Apps, c.Failures())
				}
			})
		}
	}
}

func TestAnEmptyListIsNoError(t *testing.T) {
	c := newClient(t, marathon.ClientOptions{}, serve(t, reply(200, "application/json", `{"apps":[]}`)).URL)
	if list, err := c.Apps(t.Context()); err != nil || len(list.Apps) != 0 {
		t.Errorf("%v %v", list, err)
	}
}

// closedPort is an address at which nothing listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

func TestEndpointsAreTriedInTurnBeginningWithTheLastGoodOne(t *testing.T) {
	var bad atomic.Int32
	sick := serve(t, func(w http.ResponseWriter, r *http.Request) {
		bad.Add(1)
		reply(503, "text/html", "<html>")(w, r)
	})
	good := serve(t, reply(200, "application/json", twoApps))
	c := newClient(t, marathon.ClientOptions{}, closedPort(t), sick.URL, good.URL)
	for range 3 {
		list, err := c.Apps(t.Context())
		if err != nil || list.Endpoint != good.URL {
			t.Fatalf("%v %v", list.Source, err)
		}
	}
	if n := bad.Load(); n != 1 {
		t.Errorf("the sick endpoint was asked %d times", n)
	}
	if f := c.Failures(); f[marathon.ReasonConnect] != 1 || f[marathon.ReasonStatus] != 1 {
		t.Errorf("failures %v", f)
	}
	good.Close()
	if _, err := c.Apps(t.Context()); err == nil || strings.Count(err.Error(), "GET ") != 3 {
		t.Errorf("all three must be named: %v", err)
	}
}

func TestOneApp(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/v2/apps/b/c":
			if e := r.URL.Query()["embed"]; fmt.Sprint(e) != "[app.tasks app.deployments app.readiness]" {
				t.Errorf("embed %v", e)
			}
			io.WriteString(w, `{"app":{"id":"/b/c","tasks":[{"id":"t"}]}}`)
		case "/v2/apps/other":
			io.WriteString(w, `{"app":{"id":"/b/c"}}`)
		case "/v2/apps/empty":
			io.WriteString(w, `{}`)
		case "/v2/apps/odd":
			io.WriteString(w, `{"app":{"id":"/odd","instances":"two"}}`)
		case "/v2/apps/html":
			reply(404, "text/html", "<html>nginx")(w, r)
		case "/v2/apps":
			if r.URL.Query().Get("id") != "/x/tasks" {
				t.Errorf("asked for %s", r.URL)
			}
			io.WriteString(w, `{"apps":[{"id":"/x/tasks/more"},{"id":"/x/tasks"}]}`)
		default:
			reply(404, "application/json", `{"message":"App does not exist"}`)(w, r)
		}
	})
	c := newClient(t, marathon.ClientOptions{}, s.URL)
	for _, id := range []string{"/b/c", "/x/tasks"} {
		if a, _, err := c.App(t.Context(), id); err != nil || a.ID != id {
			t.Errorf("%s: %+v %v", id, a, err)
		}
	}
	if _, _, err := c.App(t.Context(), "/none"); !errors.Is(err, marathon.ErrAppGone) {
		t.Errorf("gone: %v", err)
	}
	for _, id := range []string{"/other", "/empty", "/odd", "/html"} {
		if _, _, err := c.App(t.Context(), id); err == nil || errors.Is(err, marathon.ErrAppGone) {
			t.Errorf("%s: %v", id, err)
		}
	}
}

func TestInfo(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		http.ServeFile(w, r, "testdata/rest/get-v2-info.json")
	})
	info, err := newClient(t, marathon.ClientOptions{}, s.URL).Info(t.Context())
	if err != nil || info.Version != "1.9.109" || info.Config.Features[0] != "task_killing" {
		t.Errorf("%+v %v", info, err)
	}
}

func TestACancelledReadReturnsAtOnceAndIsNoFailure(t *testing.T) {
	asked := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { close(asked); <-r.Context().Done() })
	c := newClient(t, marathon.ClientOptions{}, s.URL, s.URL)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := c.Apps(ctx); !errors.Is(err, context.Canceled) || len(c.Failures()) > 0 {
		t.Errorf("%v %v", err, c.Failures())
	}
}

func TestBadEndpointsAreRefused(t *testing.T) {
	for _, endpoints := range [][]string{nil, {""}, {"marathon:8080"}, {"ftp://x"}, {"http://"}, {"http://a b"}} {
		if _, err := marathon.NewClient(marathon.ClientOptions{Endpoints: endpoints}); err == nil {
			t.Errorf("%q was taken", endpoints)
		}
	}
}
