package marathontest_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"marathon-lb/marathon/marathontest"
)

// attached is a server with one reader that has read its own arrival.
func attached(t *testing.T, o marathontest.Options) (*marathontest.Server, *wire) {
	t.Helper()
	s, _ := start(t, o)
	w, _ := subscribe(t, s, "")
	w.frame(t)
	return s, w
}

func TestStreamsEndAsTold(t *testing.T) {
	for name, c := range map[string]struct {
		end   func(*marathontest.Server)
		reset bool
		tail  string
	}{
		"close":    {(*marathontest.Server).CloseStreams, false, ""},
		"reset":    {(*marathontest.Server).ResetStreams, true, ""},
		"truncate": {(*marathontest.Server).TruncateStreams, false, `"taskId":"shop`},
		"down":     {(*marathontest.Server).StopListening, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, w := attached(t, marathontest.Options{})
			c.end(s)
			text, err := w.rest()
			if errors.Is(err, syscall.ECONNRESET) != c.reset || !c.reset && err != nil || !strings.HasSuffix(text, c.tail) {
				t.Errorf("%q, %v", text, err)
			}
		})
	}
}

func TestAFrozenStreamIsSilentAndLosesEvents(t *testing.T) {
	s, w := attached(t, marathontest.Options{Timing: quick(func(t *marathontest.Timing) { t.Heartbeat = 5 * time.Millisecond })})
	s.SetStreamFaults(marathontest.StreamFaults{Freeze: true})
	w.conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if heartbeats, err := w.rest(); !errors.Is(err, os.ErrDeadlineExceeded) || strings.Trim(heartbeats, "\r\n") != "" {
		t.Errorf("%q, %v", heartbeats, err)
	}
	run(t, s, marathontest.App{ID: "/lost"})
	w.conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if text, _ := w.rest(); text != "" {
		t.Errorf("while frozen it sends %q", text)
	}
	w.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	s.SetStreamFaults(marathontest.StreamFaults{NoHeartbeat: true})
	run(t, s, marathontest.App{ID: "/found"})
	if text := w.until(t, "}\r\n\r\n"); !strings.Contains(text, "/found") {
		t.Error(text)
	}
}

func TestEventsAreDroppedDuplicatedDelayedAndSlow(t *testing.T) {
	s, w := attached(t, marathontest.Options{})
	s.SetStreamFaults(marathontest.StreamFaults{DropRate: 1})
	run(t, s, marathontest.App{ID: "/dropped"})
	s.SetStreamFaults(marathontest.StreamFaults{DuplicateRate: 1})
	run(t, s, marathontest.App{ID: "/twice"})
	first, second := w.frame(t), w.frame(t)
	if first != second || !strings.Contains(first, "/twice") {
		t.Errorf("%s\n%s", first, second)
	}
	for name, f := range map[string]marathontest.StreamFaults{"delay": {Delay: 200 * time.Millisecond}, "slow": {BytesPerSecond: 1000}} {
		s.SetStreamFaults(marathontest.StreamFaults{})
		w, _ = subscribe(t, s, "?event_type=event_stream_attached&event_type=group_change_success")
		w.frame(t)
		s.SetStreamFaults(f)
		began := time.Now()
		run(t, s, marathontest.App{ID: "/" + name})
		if text, took := w.frame(t), time.Since(began); took < 100*time.Millisecond {
			t.Errorf("%s: %q after %v", name, text, took)
		}
		w.conn.Close()
	}
}

func TestMalformedFrames(t *testing.T) {
	s, w := attached(t, marathontest.Options{})
	for kind, want := range map[string]string{
		"badjson": "\"x\",\r\n\r\n", "twoobjects": "}\r\ndata: {", "noevent": "data: {", "unknown": "event: brand_new_event\r\n",
		"nulls": `"ports":null`, "lfonly": "}\n\n", "comment": ": a comment\r\n\r\n", "idretry": "id: 7\r\nretry: 10\r\n",
	} {
		must(t, s.SendMalformed(kind))
		w.until(t, want)
	}
	must(t, s.SendMalformed("huge"))
	w.conn.SetDeadline(time.Now().Add(time.Minute))
	w.until(t, "\r\ndata: {")
	if _, err := io.CopyN(io.Discard, w, 20<<20); err != nil {
		t.Error(err)
	}
	w.until(t, "xxx\"}}\r\n\r\n")
	if err := s.SendMalformed("poem"); err == nil || !strings.Contains(err.Error(), "there are huge, badjson,") {
		t.Error(err)
	}
}

func TestAStandbyClosesAtOnce(t *testing.T) {
	s, _ := start(t, marathontest.Options{})
	s.SetStreamFaults(marathontest.StreamFaults{StandbyClose: true})
	w, head := subscribe(t, s, "")
	if text, err := w.rest(); text != "" || err != nil || !strings.HasPrefix(head, "HTTP/1.1 200") {
		t.Errorf("%q %q %v", head, text, err)
	}
}

func TestMarathonGoesAndComesBackWithItsState(t *testing.T) {
	s, w := attached(t, marathontest.Options{})
	run(t, s, web("/x", 1))
	task := s.Tasks("/x")[0]
	s.StopListening()
	if _, err := w.rest(); err != nil {
		t.Errorf("the stream ends with %v", err)
	}
	if _, err := net.Dial("tcp", s.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Error(err)
	}
	if status, _ := get(t, "http://"+task.Addrs()[0].String()+"/"); status != 200 {
		t.Errorf("the task answers %d", status)
	}
	addr := s.Addr()
	must(t, s.Listen())
	if status, _, _ := call(t, s, "GET", "/v2/apps/x", ""); status != 200 || s.Addr() != addr {
		t.Errorf("%d at %s, was %s", status, s.Addr(), addr)
	}
}

func TestTheAPIFailsAsTold(t *testing.T) {
	s, _ := start(t, marathontest.Options{})
	run(t, s, web("/x", 1))
	patience := 10 * time.Second
	ask := func(path string) (int, string, error) {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
		r, err := client.Get(s.URL() + path)
		if err != nil {
			return 0, "", err
		}
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		return r.StatusCode, string(text), err
	}
	want := func(path string, status int, part string, fails bool) {
		t.Helper()
		got, text, err := ask(path)
		if got != status || !strings.Contains(text, part) || (err != nil) != fails {
			t.Errorf("%s: %d %s %v", path, got, text, err)
		}
	}
	with := func(f marathontest.APIFault, check func()) {
		t.Helper()
		remove := s.AddAPIFault(f)
		check()
		remove()
		want("/v2/apps/x", 200, `"id":"/x"`, false)
	}
	with(marathontest.APIFault{Status: 503, Path: "/v2/apps", Times: 2}, func() {
		want("/ping", 200, "pong", false)
		want("/v2/apps", 503, "<html>", false)
		want("/v2/apps/x", 503, "<html>", false)
		want("/v2/apps", 200, `"/x"`, false)
	})
	with(marathontest.APIFault{Hang: true}, func() {
		patience = 100 * time.Millisecond
		want("/v2/apps", 0, "", true)
		patience = 10 * time.Second
	})
	with(marathontest.APIFault{Latency: 20 * time.Millisecond}, func() {
		began := time.Now()
		want("/v2/apps", 200, `"/x"`, false)
		if took := time.Since(began); took < 20*time.Millisecond {
			t.Error(took)
		}
	})
	with(marathontest.APIFault{HTML200: true}, func() { want("/v2/apps", 200, "<html>", false) })
	with(marathontest.APIFault{Truncate: true}, func() { want("/v2/apps/x", 200, `{"app":`, true) })
	with(marathontest.APIFault{EmptyApps: true, Times: 1}, func() {
		want("/v2/apps/x", 200, `"id":"/x"`, false)
		want("/v2/apps", 200, `{"apps":[]}`, false)
		want("/v2/apps", 200, `"/x"`, false)
	})
	s.AddAPIFault(marathontest.APIFault{Status: 500, For: time.Nanosecond})
	want("/v2/apps", 200, `"/x"`, false)
	s.AddAPIFault(marathontest.APIFault{Status: 500, Rate: 0.5})
	seen := map[int]bool{}
	for range 50 {
		status, _, _ := ask("/ping")
		seen[status] = true
	}
	if !seen[200] || !seen[500] {
		t.Error(seen)
	}
	s.ClearAPIFaults()
}

func TestStaleAnswers(t *testing.T) {
	s, _ := start(t, marathontest.Options{})
	run(t, s, web("/x", 1))
	s.SetStale(true)
	_, err := s.Delete("/x")
	must(t, err)
	must(t, s.WaitSettled(soon(t)))
	if status, _, _ := call(t, s, "GET", "/v2/apps/x", ""); status != 200 {
		t.Errorf("a stale leader answers %d", status)
	}
	s.SetStale(false)
	if status, _, _ := call(t, s, "GET", "/v2/apps/x", ""); status != 404 {
		t.Error(status)
	}
}

func TestTheSwitchesOverHTTP(t *testing.T) {
	s, w := attached(t, marathontest.Options{})
	run(t, s, web("/x", 1))
	task := s.Tasks("/x")[0]
	get(t, "http://"+task.Addrs()[0].String()+"/")
	_, _, got := call(t, s, "GET", "/sim/tasks", "")
	if c := got["tasks"].([]any)[0].(map[string]any); c["id"] != task.ID() || c["requests"] != 1.0 || c["state"] != "TASK_RUNNING" {
		t.Error(c)
	}
	flip := func(path string, want int) {
		t.Helper()
		if status, _, got := call(t, s, "POST", path, ""); status != want {
			t.Errorf("%s: %d %v", path, status, got)
		}
	}
	flip("/sim/api?status=503&path=/v2/info&times=1&rate=1", 200)
	if status, _, _ := call(t, s, "GET", "/v2/info", ""); status != 503 {
		t.Error(status)
	}
	for _, path := range []string{
		"/sim/api/clear", "/sim/api/stale?on=true", "/sim/api/stale?on=false", "/sim/health/forget", "/sim/ports/reuse?on=true",
		"/sim/behaviour?app=/x&linger=1ms&slowstart=1ms&abrupt=true", "/sim/tasks/" + task.ID() + "/heal",
		"/sim/tasks/" + task.ID() + "/sicken", "/sim/sse?slow=1000000&delay=1ms&noheartbeat=true", "/sim/sse/malformed?kind=comment",
		"/sim/tasks/" + task.ID() + "/crash",
	} {
		flip(path, 200)
	}
	w.until(t, ": a comment\r\n\r\n")
	flip("/sim/sse/close", 200)
	if _, err := w.rest(); err != nil {
		t.Error(err)
	}
	for path, want := range map[string]int{
		"/sim/nonsense": 404, "/sim/tasks/none/crash": 400, "/sim/tasks/none/praise": 404, "/sim/sse?delay=soon": 400,
		"/sim/sse?dleay=1s": 400, "/sim/sse/malformed?kind=poem": 400,
	} {
		flip(path, want)
	}
	if status, _, _ := call(t, s, "GET", "/sim/sse/close", ""); status != 405 {
		t.Error(status)
	}
	must(t, s.Wait(soon(t), func() bool { return s.Tasks("/x")[0] != task }))
	s.SetStreamFaults(marathontest.StreamFaults{})
	reader, _ := subscribe(t, s, "")
	reader.frame(t)
	flip("/sim/down?for=50ms", 200)
	if _, err := reader.rest(); err != nil {
		t.Error(err)
	}
	must(t, s.Wait(soon(t), func() bool { c, err := net.Dial("tcp", s.Addr()); return err == nil && c.Close() == nil }))
}
