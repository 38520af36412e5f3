package marathontest_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"marathon-lb/marathon/marathontest"
)

func TestTheBytesOfTheEventStream(t *testing.T) {
	s, _ := start(t, marathontest.Options{Timing: quick(func(t *marathontest.Timing) { t.Heartbeat = 30 * time.Millisecond })})
	w, head := subscribe(t, s, "")
	const want = "HTTP/1.1 200 OK\r\nDate: DATE\r\nX-Marathon-Leader: LEADER\r\n" +
		"X-Frame-Options: DENY\r\nX-XSS-Protection: 1; mode=block\r\nCache-Control: no-cache, no-store, must-revalidate\r\nPragma: no-cache\r\nExpires: 0\r\n" +
		"Content-Type: text/event-stream;charset=utf-8\r\nConnection: close\r\n\r\n"
	head = strings.Replace(regexp.MustCompile(`Date: [^\r]*`).ReplaceAllString(head, "Date: DATE"), s.URL(), "LEADER", 1)
	if head != want {
		t.Errorf("head %q", head)
	}
	form := regexp.MustCompile(`^event: event_stream_attached\r\n` +
		`data: \{"remoteAddress":"127\.0\.0\.1","eventType":"event_stream_attached","timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"\}\r\n\r\n$`)
	if got := w.frame(t); !form.MatchString(got) {
		t.Errorf("first frame %q", got)
	}
	if got := w.until(t, "\n") + w.until(t, "\n"); got != "\r\n\r\n" {
		t.Errorf("heartbeats %q", got)
	}
	go s.CloseStreams()
	if got, err := w.rest(); err != nil || strings.Trim(got, "\r\n") != "" {
		t.Errorf("the end is %q, %v", got, err)
	}
}

// quick is the fast timing with changes.
func quick(change func(*marathontest.Timing)) marathontest.Timing {
	timing := marathontest.Fast()
	change(&timing)
	return timing
}

func TestTheHeartbeatIsTwoWrites(t *testing.T) {
	s, _ := start(t, marathontest.Options{Timing: quick(func(t *marathontest.Timing) { t.Heartbeat = 5 * time.Millisecond })})
	w, _ := subscribe(t, s, "?event_type=none")
	// A reader that takes what there is must sooner or later get the halves one at a time.
	b := make([]byte, 64)
	for {
		n, err := w.conn.Read(b)
		must(t, err)
		if got := string(b[:n]); got == "\r" {
			return
		} else if strings.Trim(got, "\r\n") != "" {
			t.Fatalf("%q", got)
		}
	}
}

func TestAReaderHearsOfItselfAfterTheHeadAndOthersOfItsLeaving(t *testing.T) {
	s, _ := start(t, marathontest.Options{Timing: quick(func(t *marathontest.Timing) { t.AttachGap = 400 * time.Millisecond })})
	began := time.Now()
	first, _ := subscribe(t, s, "")
	if gap := time.Since(began); gap > 350*time.Millisecond {
		t.Errorf("the head took %v", gap)
	}
	first.frame(t)
	if gap := time.Since(began); gap < 400*time.Millisecond {
		t.Errorf("subscribed after %v", gap)
	}
	second, _ := subscribe(t, s, "")
	if got := first.frame(t); !strings.HasPrefix(got, "event: event_stream_attached\r\n") {
		t.Error(got)
	}
	second.conn.Close()
	if got := first.frame(t); !strings.HasPrefix(got, "event: event_stream_detached\r\n") {
		t.Error(got)
	}
}

func TestWhatIsLostInTheAttachGap(t *testing.T) {
	s, _ := start(t, marathontest.Options{})
	s.SetStreamFaults(marathontest.StreamFaults{AttachGap: 300 * time.Millisecond})
	w, _ := subscribe(t, s, "")
	_, err := s.Create(marathontest.App{ID: "/x"})
	must(t, err)
	must(t, s.WaitSettled(soon(t)))
	if got := w.frame(t); !strings.HasPrefix(got, "event: event_stream_attached\r\n") {
		t.Error(got)
	}
}

func TestAcceptMustBeEqual(t *testing.T) {
	s, _ := start(t, marathontest.Options{})
	for accept, status := range map[string]int{
		"text/event-stream": 200, "text/event-stream, */*": 405, "text/event-stream;q=0.9": 405, "*/*": 405, "": 405,
	} {
		w := dial(t, s, "GET /v2/events HTTP/1.1\r\nHost: m\r\nAccept: "+accept+"\r\n\r\n")
		r, err := http.ReadResponse(w.Reader, nil)
		must(t, err)
		if r.StatusCode != status {
			t.Errorf("Accept %q: %d", accept, r.StatusCode)
		}
		if status == 405 {
			text, _ := io.ReadAll(r.Body)
			if !strings.Contains(string(text), "<pre>HTTP method GET is not supported by this URL</pre>") ||
				r.Header.Get("Content-Type") != "text/html;charset=iso-8859-1" {
				t.Errorf("%v %s", r.Header, text)
			}
		}
		w.conn.Close()
	}
}

func TestTheFilterOfEventTypes(t *testing.T) {
	s, _ := start(t, marathontest.Options{})
	w, _ := subscribe(t, s, "?plan-format=light&event_type=group_change_success&event_type=deployment_success&event_type=nonsense")
	must(t, s.WaitStreams(soon(t), 1))
	_, err := s.Create(marathontest.App{ID: "/x"})
	must(t, err)
	for _, want := range []string{"event: group_change_success\r\n", "event: deployment_success\r\n"} {
		if got := w.frame(t); !strings.HasPrefix(got, want) || strings.Contains(got, `"original"`) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestASlowReaderIsCutOffByEventsItDidNotAskFor(t *testing.T) {
	s, _ := start(t, marathontest.Options{EventQueue: 8})
	s.SetStreamFaults(marathontest.StreamFaults{BytesPerSecond: 20})
	slow, _ := subscribe(t, s, "?event_type=event_stream_attached")
	must(t, s.WaitStreams(soon(t), 1))
	_, err := s.Create(marathontest.App{ID: "/x", Instances: 2}) // more than 8 events
	must(t, err)
	must(t, s.WaitSettled(soon(t)))
	if got, err := slow.rest(); err != nil || len(got) > 40 {
		t.Errorf("%q, %v", got, err)
	}
}

func TestEventsAreNeverCompressed(t *testing.T) {
	s, _ := start(t, marathontest.Options{})
	w := dial(t, s, "GET /v2/events HTTP/1.1\r\nHost: m\r\nAccept: text/event-stream\r\nAccept-Encoding: gzip\r\n\r\n")
	if head := w.until(t, "\r\n\r\n"); strings.Contains(head, "gzip") {
		t.Error(head)
	}
	if got := w.frame(t); !strings.HasPrefix(got, "event: ") {
		t.Error(got)
	}
}
