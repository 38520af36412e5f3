package route

import (
	"fmt"
	"slices"
	"time"
)

// Question is what somebody wants explained: a request, or an app.
type Question struct {
	Target string   // a URL (http://host/path, tcp://host:port, host/path), or an app's id (/my/app, name:/my/app)
	Method string   // of the request; GET if empty
	Header []string // its lines: "Name: value"
	From   string   // the client's address, empty if it does not matter
}

// Explanation says what becomes of a request or an app, and why. Its JSON is /v1/explain's: fields are added, never renamed.
type Explanation struct {
	Question string  `json:"question"`
	OK       bool    `json:"ok"`                // the request reaches a server; the app has a port that is exposed
	Answer   string  `json:"answer"`            // a sentence
	Request  *Way    `json:"request,omitempty"` // of a request: the way it goes
	Apps     []About `json:"apps,omitempty"`    // the app that was asked for, or those that a request that is refused may have been meant for
}

// Way is the way of a request through the table.
type Way struct {
	Method     string           `json:"method,omitempty"` // empty for a connection without HTTP
	Host       string           `json:"host"`
	Path       string           `json:"path,omitempty"`
	Port       int              `json:"port,omitempty"` // as the URL has it, 0 for its scheme's own
	From       string           `json:"from,omitempty"` // the client's address, empty if none was given
	Listener   *ListenerStand   `json:"listener"`       // null: nobody listens there
	Rules      []RuleStand      `json:"rules"`          // for its host or app id, in the order in which they are asked
	Backend    *BackendStand    `json:"backend"`        // null: none was found
	Directives []DirectiveStand `json:"directives"`     // the rules of its templates, in the order in which they are asked
	Refusal    *Refusal         `json:"refusal"`        // null: it goes to a server
	Notes      []string         `json:"notes"`
}

// ListenerStand is the listener that takes the request.
type ListenerStand struct {
	Name        string `json:"name"`
	Bind        string `json:"bind"`
	Mode        Mode   `json:"mode"`
	Entry       Entry  `json:"entry"` // how it finds the backend: host, appid or service
	TLS         bool   `json:"tls"`
	App         string `json:"app,omitempty"`         // that it belongs to
	Trouble     string `json:"trouble,omitempty"`     // why it takes nobody
	Certificate string `json:"certificate,omitempty"` // that a client which asks for the host is shown
}

// RuleStand is a rule that was weighed.
type RuleStand struct {
	Order      int    `json:"order"` // from 1
	Host       string `json:"host,omitempty"`
	Path       string `json:"path,omitempty"`
	IgnoreCase bool   `json:"ignoreCase,omitempty"`
	If         string `json:"if,omitempty"` // the condition that has to hold, too
	Weight     int    `json:"weight"`
	AppID      string `json:"appId,omitempty"`
	App        string `json:"app"`
	Backend    string `json:"backend"`
	Verdict    string `json:"verdict"` // taken, behind (it fits, but another goes first), no match
	Why        string `json:"why,omitempty"`
}

// The verdicts on rules.
const (
	Taken   = "taken"
	Behind  = "behind"
	NoMatch = "no match"
)

// BackendStand is the backend the request is for.
type BackendStand struct {
	Name      string        `json:"name"`
	App       string        `json:"app"`
	PortIndex int           `json:"portIndex"`
	Port      int           `json:"port"` // service port
	Mode      Mode          `json:"mode"`
	Balance   string        `json:"balance"`
	Access    []string      `json:"access"` // what stands before it
	Servers   []ServerStand `json:"servers"`
	Usable    int           `json:"usable"`         // servers that take turns
	Next      string        `json:"next,omitempty"` // the server that would get the request now, where that is certain
}

// ServerStand is how a server stands.
type ServerStand struct {
	Name     string `json:"name"`
	Address  string `json:"address"`
	Task     string `json:"task"`
	State    string `json:"state"`           // ready, last-resort, draining
	Health   string `json:"health"`          // no check, up, initial, down
	Check    string `json:"check,omitempty"` // what the last probe found
	Grade    string `json:"grade"`           // proven, shunned, unproven, vouched, unfit
	Eligible bool   `json:"eligible"`        // requests go there now
	Why      string `json:"why"`
	InFlight int64  `json:"inFlight"`
}

// Refusal is what the client is answered in place of a server.
type Refusal struct {
	Name     string `json:"name"`   // of the failure
	Status   int    `json:"status"` // 0: the connection is refused or closed
	Why      string `json:"why"`
	Location string `json:"location,omitempty"` // where it is sent to
}

// About is all that is known of an app, or of the apps of a deployment group.
type About struct {
	App      string      `json:"app"`
	Members  []string    `json:"members,omitempty"` // of a deployment group
	Ports    []PortStand `json:"ports"`
	Tasks    []TaskStand `json:"tasks"`
	Problems []Problem   `json:"problems"`
}

// PortStand is a port of an app: what becomes of it, and what it asks for, exposed or not.
type PortStand struct {
	Verdict
	Groups []string `json:"groups"` // that its labels name
	Mode   Mode     `json:"mode,omitempty"`
	Hosts  []string `json:"hosts"`
	Paths  []string `json:"paths"`
	Check  string   `json:"check,omitempty"` // how its servers are probed
	Access []string `json:"access"`
}

// TaskStand is a task of an app.
type TaskStand struct {
	Task   string `json:"task"`
	Host   string `json:"host"`
	State  string `json:"state"`  // Marathon's word
	Health string `json:"health"` // what is made of Marathon's word: unchecked, healthy, unhealthy, waiting, presumed healthy, not ready
	Serves bool   `json:"serves"` // it is a server
	Why    string `json:"why"`
}

// Exposed says that requests can reach a port of it.
func (a *About) Exposed() bool {
	for _, p := range a.Ports {
		if p.Why == Exposed {
			return true
		}
	}
	return false
}

// Access says what stands between a request and the backend's servers, in the order in which it is asked.
func (k *BackendSpec) Access() []string {
	all := []string{}
	if k.Closed {
		all = append(all, "closed: a restriction of access cannot be honoured, so nobody gets in")
	}
	if k.ToHTTPS {
		all = append(all, "requests by host without TLS are redirected to https")
	}
	if len(k.Allow) > 0 {
		text := "only clients from"
		for _, n := range k.Allow {
			text += " " + n.String()
		}
		all = append(all, text)
	}
	if k.Auth != nil {
		all = append(all, "only with a user and password of "+k.Auth.Realm)
	}
	if k.Rewrite.Root != "" {
		all = append(all, "/ is redirected to "+k.Rewrite.Root)
	}
	return append(all, k.Do.restrictions()...)
}

// Stand is the backend as explanations show it.
func (b *Backend) Stand() *BackendStand {
	k := &b.Spec
	v := &BackendStand{
		Name: k.Name, App: k.App, PortIndex: k.PortIndex, Port: k.Port, Mode: k.Mode, Balance: k.balance(),
		Access: k.Access(), Servers: []ServerStand{}, Usable: b.Usable(),
	}
	best, now := b.Grade(), time.Now()
	for _, s := range b.Standings() {
		stand := s.stand(best)
		if percent, warms := b.Warmth(s.Server, now); warms && s.Turn {
			stand.Why += fmt.Sprintf("; it warms up: its weight is %d %% of that of the others", percent)
		}
		v.Servers = append(v.Servers, stand)
	}
	return v
}

// balance is the algorithm with what it hashes.
func (k *BackendSpec) balance() string {
	if k.HashOn == "" {
		return string(k.Balance)
	}
	return string(k.Balance) + "(" + k.HashOn + ")"
}

func (s Standing) stand(best Grade) ServerStand {
	v := ServerStand{
		Name: s.Server.Name, Address: s.Server.Addr.String(), Task: s.Server.Task, State: s.Server.State().String(),
		Health: s.Server.Health().String(), Grade: s.Grade.String(), Eligible: s.Turn, Why: s.why(best), InFlight: s.Server.InFlight(),
	}
	if c := s.Server.Checked(); c != nil {
		v.Check = string(c.Status)
		if c.Text != "" {
			v.Check += ": " + c.Text
		}
	}
	return v
}

// why says in words why requests go to a server or do not, in a backend whose best servers are of a grade.
func (s Standing) why(best Grade) string {
	is := map[Grade]string{
		Proven: "its probes pass", Shunned: "a request failed there a moment ago", Unproven: "it waits for its first probe",
		Vouched: "its probes fail, but Marathon vouches for it", Unfit: "its probes fail",
	}[s.Grade]
	checked := s.Server.Checked()
	switch {
	case s.Server.State() == Draining:
		return "it drains: its task is being stopped or gives way; what runs may finish"
	case s.Grade == Proven && checked == nil:
		is = "nobody probes it"
	case s.Grade == Proven && checked.Status == INI:
		is = "Marathon vouches for it; it was not probed yet"
	case s.Grade == Proven && !checked.Status.Good():
		is = "it is up, but its last probe failed"
	case s.Grade == Vouched && best != Vouched:
		is = "its probes fail"
	}
	if s.Server.State() == LastResort {
		is += "; its agent is unreachable"
	}
	switch {
	case s.Turn && best != Proven:
		return is + "; there is no better one"
	case s.Turn:
		return is
	case s.Spare:
		return is + ": only if the others fail"
	}
	return is
}

// String is the health's word in explanations.
func (h Health) String() string { return [...]string{"no check", "up", "initial", "down"}[h] }

// Stands are the rules as explanations show them.
func (tr *Trace) Stands() []RuleStand {
	all := make([]RuleStand, 0, len(tr.Steps))
	won := slices.IndexFunc(tr.Steps, func(s Step) bool { return s.Taken }) + 1
	for i, s := range tr.Steps {
		r := RuleStand{
			Order: i + 1, Host: s.Rule.Host, Path: s.Rule.Path, IgnoreCase: s.Rule.IgnoreCase, Weight: s.Rule.Weight, AppID: s.Rule.AppID,
			App: s.App, Backend: s.Backend, Verdict: NoMatch, If: discreet(s.Rule.If.String()),
		}
		switch {
		case s.Taken:
			r.Verdict = Taken
		case s.Fits:
			r.Verdict, r.Why = Behind, fmt.Sprintf("it fits, but rule %d goes first: %s", won, s.Behind)
		case s.Path:
			r.Why = "what else it asks for does not hold: " + discreet(s.Rule.If.String())
		default:
			r.Why = "the path does not begin with " + s.Rule.Path
		}
		all = append(all, r)
	}
	return all
}
