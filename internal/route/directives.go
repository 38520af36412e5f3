package route

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Directives are what templates ask of a backend in HAProxy's language, beyond what labels say. Strings are HAProxy's, so that it can be
// written as its configuration again (directivestext.go).
type Directives struct {
	ACLs     []*ACL
	Request  []Directive // in the order of execution
	Response []Directive

	Connect, Server, Tunnel time.Duration // 0 for those of the load balancer

	ServerClose bool // a connection to the server for each request
	ClientClose bool // and one of the client's

	Errors []ErrorFile

	Compress *Compression // nil for none
}

// Compression has answers compressed with gzip for clients that take that.
type Compression struct {
	Types   []string // how those of answers that are compressed begin; none for all
	Offload bool     // servers do not learn that the client takes compressed answers
}

// Takes says that answers of a type are compressed.
func (c *Compression) Takes(contentType string) bool {
	begins := func(with string) bool {
		return len(contentType) >= len(with) && strings.EqualFold(contentType[:len(with)], with)
	}
	return !begins("multipart") && (len(c.Types) == 0 || slices.ContainsFunc(c.Types, begins))
}

// ErrorFile is a file with a whole HTTP response, told in the place of an answer of ours with that status.
type ErrorFile struct {
	Status int
	Path   string
}

// Act is what a directive does, by its HAProxy name.
type Act string

// The acts. Those of the second group end the rules; the redirect of a line of its own comes after all http-request lines.
const (
	SetHeader     Act = "set-header"
	AddHeader     Act = "add-header"
	DelHeader     Act = "del-header"
	ReplaceHeader Act = "replace-header"
	ReplaceValue  Act = "replace-value"
	SetPath       Act = "set-path"
	SetPathQuery  Act = "set-pathq"
	SetQuery      Act = "set-query"
	SetURI        Act = "set-uri"
	ReplacePath   Act = "replace-path"
	ReplacePathQ  Act = "replace-pathq"
	ReplaceURI    Act = "replace-uri"

	Allow    Act = "allow"
	Deny     Act = "deny"
	Accept   Act = "accept" // tcp-request content
	Reject   Act = "reject" // tcp-request content
	Redirect Act = "redirect"
)

// Directive is one of the rules of a backend.
type Directive struct {
	Act   Act
	Name  string         // of a field; location, prefix or scheme of a redirect
	Match *regexp.Regexp // of replace-...
	Value Format
	Code  int  // of deny and redirect
	Late  bool // a redirect of a line of its own, whose text holds no expressions

	DropQuery, AppendSlash bool   // of a redirect
	Cookie                 string // that a redirect sets or, with Max-Age=0, takes away

	If *Condition
}

// Outcome is what came of the rules of a request.
type Outcome struct {
	Act      Act // Allow, Deny, Reject or Redirect
	Status   int
	Location string
	Cookie   string // Set-Cookie of a redirect
}

// OnConnection goes through the rules of a connection in mode tcp. A trace, if given, collects those whose condition was asked for.
func (d *Directives) OnConnection(r *Request, tr *Trace) Outcome {
	for i := range d.Request {
		switch x := &d.Request[i]; {
		case x.Act != Accept && x.Act != Reject || !tr.heed(x, x.If.Holds(r, nil)):
		case x.Act == Accept:
			return Outcome{Act: Allow}
		default:
			return Outcome{Act: Reject, Status: 403}
		}
	}
	return Outcome{Act: Allow}
}

// OnRequest goes through the rules of a request and changes it as they say.
func (d *Directives) OnRequest(r *Request, tr *Trace) Outcome {
	if o := d.OnConnection(r, tr); o.Act == Reject {
		return o
	}
	allowed := false
	for i := range d.Request {
		x := &d.Request[i]
		if allowed && !x.Late || x.Act == Accept || x.Act == Reject || !tr.heed(x, x.If.Holds(r, nil)) {
			continue
		}
		switch x.Act {
		case Allow:
			allowed = true
		case Deny:
			return Outcome{Act: Deny, Status: x.Code}
		case Redirect:
			return Outcome{Act: Redirect, Status: x.Code, Location: x.location(r), Cookie: x.Cookie}
		default:
			x.change(r)
		}
	}
	return Outcome{Act: Allow}
}

// OnResponse goes through the rules of a response and changes it as they say.
func (d *Directives) OnResponse(r *Request, a *Response) {
	for i := range d.Response {
		if x := &d.Response[i]; x.If.Holds(r, a) {
			x.edit(&a.Head, x.Value.text(r, a))
		}
	}
}

// change is for what a request has besides fields.
func (x *Directive) change(r *Request) {
	v := x.Value.text(r, nil)
	switch x.Act {
	case SetPath:
		r.setTarget(v + r.Query)
	case SetQuery:
		r.sent = cmp.Or(r.sent, r.target())
		if r.Query != "" || v != "" { // a query that becomes empty leaves its ?
			r.Query = "?" + cleanTarget(v)
		}
	case SetURI, SetPathQuery:
		r.setTarget(withoutOrigin(v))
	case ReplacePath:
		if m := x.Match.FindStringSubmatchIndex(r.Path); m != nil && r.hasPath() {
			r.setTarget(expand(v, r.Path, m) + r.Query)
		}
	case ReplacePathQ, ReplaceURI:
		if m := x.Match.FindStringSubmatchIndex(r.target()); m != nil && (r.hasPath() || x.Act == ReplaceURI) {
			r.setTarget(withoutOrigin(expand(v, r.target(), m)))
		}
	default:
		x.edit(&r.Head, v)
	}
}

// withoutOrigin takes scheme and host off a target: it goes to the server of the backend whatever they say.
func withoutOrigin(target string) string {
	if i := strings.Index(target, "://"); i > 0 && !strings.ContainsAny(target[:i], "/?") {
		target = target[i+3:]
		if j := strings.IndexAny(target, "/?"); j >= 0 {
			return target[j:]
		}
		return "/"
	}
	return target
}

// edit changes fields.
func (x *Directive) edit(h *Head, v string) {
	switch x.Act {
	case SetHeader:
		h.del(x.Name)
		h.add(x.Name, clean(v))
	case AddHeader:
		h.add(x.Name, clean(v))
	case DelHeader:
		h.del(x.Name)
	case ReplaceHeader:
		h.change(x.Name, func(line string) string { return replaced(x.Match, line, v) })
	case ReplaceValue:
		h.change(x.Name, func(line string) string {
			elements := splitCommas(line) // of which those that stay keep their blanks
			for i, e := range elements {
				if e = strings.TrimSpace(e); x.Match.MatchString(e) {
					elements[i] = replaced(x.Match, e, v)
				}
			}
			return strings.Join(elements, ",")
		})
	}
}

// replaced is the replacement where the expression matches: not only what matched goes, but all of the value.
func replaced(re *regexp.Regexp, value, to string) string {
	if m := re.FindStringSubmatchIndex(value); m != nil {
		return expand(to, value, m)
	}
	return value
}

// location is where a redirect leads.
func (x *Directive) location(r *Request) string {
	v := x.Value.text(r, nil)
	target, path := r.target(), r.Path
	if path == "*" { // which is no place to go to
		target, path = "/", "/"
	}
	if x.DropQuery {
		target = path
	}
	if x.AppendSlash && !strings.HasSuffix(target, "/") { // be it behind the query
		target += "/"
	}
	switch x.Name {
	case "prefix":
		if v != "/" {
			target = v + target
		}
	case "scheme":
		target = v + "://" + r.Get("Host") + target
	default:
		target = v
	}
	return cleanTarget(target)
}

// Restricts says that rules keep somebody out, or send somebody elsewhere.
func (d *Directives) Restricts() bool {
	return d != nil && slices.ContainsFunc(d.Request, func(x Directive) bool { return x.restricts() })
}

func (x *Directive) restricts() bool { return x.Act == Deny || x.Act == Reject || x.Act == Redirect }

// Allows says that a rule ends the http-request lines.
func (d *Directives) Allows() bool {
	return d != nil && slices.ContainsFunc(d.Request, func(x Directive) bool { return x.Act == Allow })
}

// Empty says that nothing is asked for.
func (d *Directives) Empty() bool {
	return len(d.Request)+len(d.Response)+len(d.Errors) == 0 && d.Connect == 0 && d.Server == 0 && d.Tunnel == 0 && !d.ServerClose && !d.ClientClose && d.Compress == nil
}
