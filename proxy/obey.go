package proxy

import (
	"cmp"
	"net/netip"
	"strings"

	"marathon-lb/internal/route"
)

// obey has what was decided to be forwarded go through the directives of its backend (route.Directives): it may be refused or sent
// elsewhere after all, or be changed. It comes after the password, as a backend's rules come after a frontend's. A trace, if given, collects
// the rules looked at.
func (a *Action) obey(r *Request, http bool, trusted []netip.Prefix, tr *route.Trace) {
	if a.Backend == nil || a.Backend.Spec.Do == nil || a.Failure != OK {
		return
	}
	d, q := a.Backend.Spec.Do, r.asked(trusted)
	outcome := route.Outcome{}
	if http {
		outcome = d.OnRequest(q, tr)
	} else {
		outcome = d.OnConnection(q, tr)
	}
	switch outcome.Act {
	case route.Deny, route.Reject:
		a.Failure, a.Status = Forbidden, outcome.Status
	case route.Redirect:
		a.Failure, a.Status, a.Location, a.Cookie = Redirected, outcome.Status, outcome.Location, outcome.Cookie
	default:
		a.asked = q
		r.become(q)
		a.offerGzip(r, d.Compress)
	}
}

// asked is the request as directives see it. What a client that is not trusted says of the scheme they do not see.
func (r *Request) asked(trusted []netip.Prefix) *route.Request {
	q := &route.Request{
		Method: r.Method, Path: r.Path, Query: r.Query, Source: r.Source, Local: r.Local, Port: r.Port, TLS: r.TLS, Version: r.version(),
	}
	q.Fields = make([]route.Field, 0, len(r.Fields)+4)
	if r.Host != "" {
		q.Fields = append(q.Fields, route.Field{Name: "Host", Value: r.Host})
	}
	believed := trusts(trusted, r.Source.Addr())
	for _, f := range r.Fields {
		if !f.is("Host") && (believed || !f.is("X-Forwarded-Proto")) {
			q.Fields = append(q.Fields, route.Field(f))
		}
	}
	return q
}

// version is that of HTTP that the client speaks, as conditions ask for it.
func (r *Request) version() string {
	switch {
	case r.Old:
		return "1.0"
	case r.HTTP2:
		return "2.0"
	}
	return "1.1"
}

// Asked is the request as conditions of rules look at it.
func (r *Request) Asked() *route.Request {
	if r.view == nil {
		r.view = r.asked(nil)
	}
	return r.view
}

// become takes over what directives made of the request.
func (r *Request) become(q *route.Request) {
	if r.Path = q.Path; r.Path != "*" && !strings.HasPrefix(r.Path, "/") {
		r.Path = "/" + r.Path
	}
	r.Query, r.Host = q.Query, q.Get("Host")
	r.Fields, r.marks = make([]Field, 0, len(q.Fields)), 0
	for _, f := range q.Fields {
		if !strings.EqualFold(f.Name, "Host") {
			r.Fields = append(r.Fields, Field(f))
		}
	}
	r.written = q.Written
}

// wrote says that a directive wrote the field, or took it away.
func (r *Request) wrote(name string) bool {
	return len(r.written) > 0 && containsFold(r.written, name)
}

// rewritten are the edits for fields that directives wrote, in a head out of which others were edited before.
func rewritten(edits []Edit, written []string, fields []Field) []Edit {
	for _, name := range written {
		edits = append(edits, Edit{Op: Remove, Name: name})
	}
	for _, f := range fields {
		if containsFold(written, f.Name) {
			edits = append(edits, Edit{Add, f.Name, f.Value})
		}
	}
	return edits
}

// obeyResponse has a response go through the directives of its backend: the edits, and the fields as they are then.
func (a *Action) obeyResponse(edits []Edit, status int, fields []Field) ([]Edit, []Field) {
	s := &route.Response{Status: status}
	for _, f := range fields {
		s.Fields = append(s.Fields, route.Field(f))
	}
	a.Backend.Spec.Do.OnResponse(a.asked, s)
	fields = make([]Field, len(s.Fields))
	for i, f := range s.Fields {
		fields[i] = Field(f)
	}
	return rewritten(edits, s.Written, fields), fields
}

// status is what the client is answered with a failure.
func (a *Action) status(f Failure) int {
	if a.page != nil && f != Redirected {
		return a.page.status
	}
	if a.Status != 0 && f == a.Failure {
		return a.Status
	}
	return f.row().status
}

// directives are those of the exchange's backend, nil for none.
func (x *exchange) directives() *route.Directives {
	if b := x.action.Backend; b != nil {
		return b.Spec.Do
	}
	return nil
}

// timeouts are those of the exchange's backend, where its directives have some.
func (x *exchange) timeouts() Timeouts {
	t := x.proxy.o.Timeouts
	if d := x.directives(); d != nil {
		t.Connect, t.Server, t.Tunnel = cmp.Or(d.Connect, t.Connect), cmp.Or(d.Server, t.Server), cmp.Or(d.Tunnel, t.Tunnel)
	}
	return t
}

// serverClose says that the server's connection is for one request.
func (x *exchange) serverClose() bool {
	d := x.directives()
	return x.proxy.o.ServerClose || d != nil && (d.ServerClose || d.ClientClose)
}

// clientClose says that the client's connection is for one request.
func (x *exchange) clientClose() bool {
	d := x.directives()
	return d != nil && d.ClientClose
}
