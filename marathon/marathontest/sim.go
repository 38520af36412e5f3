package marathontest

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// simulate is the admin API, /sim/: see the package documentation.
func (s *Server) simulate(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/sim/")
	if path == "tasks" && r.Method == http.MethodGet {
		reply(w, r, http.StatusOK, map[string]any{"tasks": s.counters()})
		return
	}
	if r.Method != http.MethodPost {
		refuse(w, r, &Error{Status: http.StatusMethodNotAllowed, Message: "POST, please"})
		return
	}
	q := &params{values: r.URL.Query()}
	do := s.switches(path, q)
	switch {
	case do == nil:
		refuse(w, r, notFound("no such switch; they are described in the documentation of package marathontest"))
	case q.bad() != nil:
		refuse(w, r, badRequest(q.bad().Error()))
	default:
		if err := do(); err != nil {
			refuse(w, r, badRequest(err.Error()))
			return
		}
		reply(w, r, http.StatusOK, map[string]string{"message": "done"})
	}
}

// switches reads the parameters of the switch at path and returns what it does; nil if there is no such switch.
func (s *Server) switches(path string, q *params) func() error {
	always := func(f func()) func() error { return func() error { f(); return nil } }
	switch path {
	case "sse":
		f := StreamFaults{
			Freeze: q.flag("freeze"), NoHeartbeat: q.flag("noheartbeat"), BytesPerSecond: int(q.number("slow")),
			DropRate: q.number("drop"), DuplicateRate: q.number("duplicate"), Delay: q.duration("delay"),
			AttachGap: q.duration("attachgap"), StandbyClose: q.flag("standbyclose"),
		}
		return always(func() { s.SetStreamFaults(f) })
	case "sse/close":
		return always(s.CloseStreams)
	case "sse/reset":
		return always(s.ResetStreams)
	case "sse/truncate":
		return always(s.TruncateStreams)
	case "sse/malformed":
		kind := q.text("kind")
		return func() error { return s.SendMalformed(kind) }
	case "api":
		f := APIFault{
			Path: q.text("path"), Rate: q.number("rate"), Times: int(q.number("times")), For: q.duration("for"),
			Latency: q.duration("latency"), Hang: q.flag("hang"), Status: int(q.number("status")), HTML200: q.flag("html200"),
			Truncate: q.flag("truncate"), EmptyApps: q.flag("emptyapps"),
		}
		if f.Status != 0 && (f.Status < 200 || f.Status > 599) {
			return func() error { return fmt.Errorf("status %d is not between 200 and 599", f.Status) }
		}
		return always(func() { s.AddAPIFault(f) })
	case "api/clear":
		return always(s.ClearAPIFaults)
	case "api/stale":
		on := q.flag("on")
		return always(func() { s.SetStale(on) })
	case "down":
		d := q.duration("for")
		return always(func() { s.wg.Go(func() { s.absent(d) }) })
	case "health/forget":
		return always(s.ForgetHealth)
	case "ports/reuse":
		on := q.flag("on")
		return always(func() { s.SetPortReuse(on) })
	case "behaviour":
		app := q.text("app")
		b := Behaviour{
			TCP: q.flag("tcp"), SlowStart: q.duration("slowstart"), Linger: q.duration("linger"), Abrupt: q.flag("abrupt"),
			IgnoreSIGTERM: q.flag("ignoresigterm"), Unready: q.flag("unready"),
		}
		return always(func() { s.SetBehaviour(app, b) })
	}
	task, verb, _ := strings.Cut(strings.TrimPrefix(path, "tasks/"), "/")
	do := map[string]func(*Task){
		"crash": (*Task).Crash, "sicken": func(t *Task) { t.SetHealthy(false) }, "heal": func(t *Task) { t.SetHealthy(true) },
		"ready": func(t *Task) { t.SetReady(true) },
	}[verb]
	if do == nil || !strings.HasPrefix(path, "tasks/") {
		return nil
	}
	return func() error { return s.withTask(task, do) }
}

func (s *Server) withTask(id string, do func(*Task)) error {
	for _, t := range s.tasks() {
		if t.id == id {
			do(t)
			return nil
		}
	}
	return fmt.Errorf("task %s does not exist", id)
}

// tasks are the newest tasks of all instances.
func (s *Server) tasks() (all []*Task) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.instances {
		if i.task != nil {
			all = append(all, i.task)
		}
	}
	return all
}

// absent takes Marathon away for a while, once the request for it has been answered.
func (s *Server) absent(d time.Duration) {
	s.pause(100*time.Millisecond, nil)
	s.StopListening()
	if s.pause(d, nil) {
		for s.Listen() != nil && s.pause(100*time.Millisecond, nil) {
		}
	}
}

type counters struct {
	ID           string   `json:"id"`
	Addresses    []string `json:"addresses"`
	State        string   `json:"state"`
	Requests     int64    `json:"requests"`
	FirstRequest string   `json:"firstRequest,omitempty"`
	LastRequest  string   `json:"lastRequest,omitempty"`
}

func (s *Server) counters() []counters {
	all := []counters{}
	for _, t := range s.tasks() {
		c := counters{
			ID: t.id, State: s.State(t), Requests: t.Requests(), Addresses: []string{},
			FirstRequest: optionalStamp(t.FirstRequest()), LastRequest: optionalStamp(t.LastRequest()),
		}
		for _, a := range t.Addrs() {
			c.Addresses = append(c.Addresses, a.String())
		}
		all = append(all, c)
	}
	return all
}

// params reads the parameters of a query and remembers what it could not read, or was not asked for.
type params struct {
	values url.Values
	errs   []string
}

func (p *params) text(name string) string {
	v := p.values.Get(name)
	p.values.Del(name)
	return v
}

func parse[T any](p *params, name string, convert func(string) (T, error)) (value T) {
	text := p.text(name)
	if text == "" {
		return value
	}
	value, err := convert(text)
	if err != nil {
		p.errs = append(p.errs, name+": "+err.Error())
	}
	return value
}

func (p *params) flag(name string) bool              { return parse(p, name, strconv.ParseBool) }
func (p *params) duration(name string) time.Duration { return parse(p, name, time.ParseDuration) }
func (p *params) number(name string) float64 {
	return parse(p, name, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) })
}

func (p *params) bad() error {
	for name := range p.values {
		p.errs = append(p.errs, name+": unknown parameter")
	}
	if len(p.errs) == 0 {
		return nil
	}
	return fmt.Errorf("%s", strings.Join(p.errs, "; "))
}
