package marathontest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"marathon-lb/marathon/marathontest"
)

func TestMain(m *testing.M) {
	if os.Getenv(asTask) != "" {
		runTask()
	}
	goleak.VerifyTestMain(m)
}

// start runs a server until the test ends. The events it publishes are in the log.
func start(t *testing.T, o marathontest.Options) (*marathontest.Server, *eventLog) {
	t.Helper()
	log := &eventLog{}
	o.OnEvent = log.add
	s := marathontest.New(o)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, log
}

// soon is a context for what must come true within seconds.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// web is an app in bridge mode with one port and a health check.
func web(id string, instances int) marathontest.App {
	return marathontest.App{
		ID: id, Instances: instances, Networks: []marathontest.Network{{Mode: "container/bridge"}},
		Container:    &marathontest.Container{Type: "DOCKER", PortMappings: []marathontest.PortMapping{{ContainerPort: 8080}}},
		HealthChecks: []marathontest.HealthCheck{{Protocol: "HTTP", Path: "/health", IntervalSeconds: 1, GracePeriodSeconds: 5}},
	}
}

// run creates an app and waits until it runs.
func run(t *testing.T, s *marathontest.Server, a marathontest.App) {
	t.Helper()
	id, err := s.Create(a)
	must(t, err)
	must(t, s.WaitDeployment(soon(t), id))
	must(t, s.WaitRunning(soon(t), a.ID, a.Instances))
}

type eventLog struct {
	mu     sync.Mutex
	events []marathontest.Event
}

func (l *eventLog) add(e marathontest.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
}

func (l *eventLog) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = nil
}

func (l *eventLog) all() []marathontest.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]marathontest.Event(nil), l.events...)
}

// story is the events, one word each: the type without _event, and the state if there is one.
func (l *eventLog) story() (words []string) {
	for _, e := range l.all() {
		word := strings.TrimSuffix(e.Type, "_event")
		if e.State != "" {
			word = e.State
		}
		words = append(words, word)
	}
	return words
}

// call makes a request of the API and returns the status, the header and the decoded JSON.
func call(t *testing.T, s *marathontest.Server, method, path, body string) (int, http.Header, map[string]any) {
	t.Helper()
	r, err := http.NewRequest(method, s.URL()+path, strings.NewReader(body))
	must(t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(r)
	must(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(t, err)
	var decoded any
	json.Unmarshal(text, &decoded)
	object, _ := decoded.(map[string]any)
	if list, ok := decoded.([]any); ok {
		object = map[string]any{"list": list}
	}
	return answer.StatusCode, answer.Header, object
}

// get is the body of http://addr/path.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(url)
	must(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(t, err)
	return answer.StatusCode, string(text)
}

// wire is a raw connection to the API, on which a request was sent.
type wire struct {
	*bufio.Reader
	conn *net.TCPConn
}

func dial(t *testing.T, s *marathontest.Server, request string) *wire {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr())
	must(t, err)
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	_, err = io.WriteString(c, request)
	must(t, err)
	return &wire{bufio.NewReader(c), c.(*net.TCPConn)}
}

// subscribe opens the event stream and reads the head of the response.
func subscribe(t *testing.T, s *marathontest.Server, query string) (w *wire, head string) {
	t.Helper()
	w = dial(t, s, "GET /v2/events"+query+" HTTP/1.1\r\nHost: m\r\nAccept: text/event-stream\r\n\r\n")
	return w, w.until(t, "\r\n\r\n")
}

// until reads up to and including the delimiter.
func (w *wire) until(t *testing.T, delimiter string) string {
	t.Helper()
	var text strings.Builder
	for !strings.HasSuffix(text.String(), delimiter) {
		part, err := w.ReadString(delimiter[len(delimiter)-1])
		if err != nil {
			t.Fatalf("after %q: %v", text.String()+part, err)
		}
		text.WriteString(part)
	}
	return text.String()
}

// frame reads one event.
func (w *wire) frame(t *testing.T) string { t.Helper(); return w.until(t, "\r\n\r\n") }

// rest reads to the end of the connection.
func (w *wire) rest() (string, error) {
	text, err := io.ReadAll(w)
	return string(text), err
}
