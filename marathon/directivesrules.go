package marathon

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"marathon-lb/internal/route"
)

// acl defines a name for a test.
func (r *reader) acl(words []string) error {
	if len(words) < 2 {
		return errors.New("an acl wants a name and a test")
	}
	name := words[0]
	if r.isOfAuth(words) {
		return nil
	}
	t, err := route.ParseTest(words[1:])
	key := r.section + name
	a, known := r.acls[key]
	switch {
	case err != nil:
		r.acls[key] = nil
		return fmt.Errorf("acl %s: %w", name, err)
	case known && a == nil:
		return fmt.Errorf("the acl %s cannot be carried out", name)
	case a == nil:
		a = &route.ACL{Name: r.unusedName(name)}
		r.acls[key] = a
		r.do.ACLs = append(r.do.ACLs, a)
	}
	a.Tests = append(a.Tests, t)
	return nil
}

// isOfAuth says that an acl is the one for the password of AUTH, which is asked for without it.
func (r *reader) isOfAuth(words []string) bool {
	return strings.HasPrefix(words[0], "auth_") && strings.HasPrefix(words[1], "http_auth(user_") && r.s.auth != nil
}

// unusedName is a name that no acl of another section has: in the backend they all stand together.
func (r *reader) unusedName(name string) string {
	for slices.ContainsFunc(r.do.ACLs, func(a *route.ACL) bool { return a.Name == name }) {
		name += "_"
	}
	return name
}

// passwordLine is that of AUTH's own templates.
func (r *reader) passwordLine([]string) error {
	if r.s.auth == nil || !asked(r.set.row.Name, strings.Join(r.line.Words, " ")) {
		return errLost
	}
	return nil
}

// request adds a rule for requests.
func (r *reader) request(d route.Directive) (err error) {
	if r.s.mode == route.TCP && d.Act != route.Accept && d.Act != route.Reject {
		return errors.New("a service in mode tcp has no requests")
	}
	if d.Value.Scope() == route.OfResponse {
		return errors.New("there is no response yet to look at")
	}
	if d.If, err = r.requestCondition(); err != nil {
		return err
	}
	if d.Late {
		r.late = append(r.late, d)
	} else {
		r.rules = append(r.rules, d)
	}
	return nil
}

// response adds a rule for responses.
func (r *reader) response(d route.Directive) (err error) {
	if r.s.mode == route.TCP {
		return errors.New("a service in mode tcp has no responses")
	}
	if d.Value, err = d.Value.OfResponse(); err != nil {
		return err
	}
	if d.If, err = r.condition(); err == nil {
		err = d.If.OfResponse()
	}
	if err == nil {
		r.do.Response = append(r.do.Response, d)
	}
	return err
}

// ofConnection are fields that concern one connection, or say where a message ends: nobody can set these.
var ofConnection = []string{
	"Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Content-Length", "Upgrade", "HTTP2-Settings",
}

// fieldName is the name of a field that may be changed.
func fieldName(name string) error {
	if name == "" || strings.ContainsFunc(name, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c)
	}) {
		return fmt.Errorf("%q is no name of a field", name)
	}
	if slices.ContainsFunc(ofConnection, func(s string) bool { return strings.EqualFold(s, name) }) {
		return fmt.Errorf("%s concerns the connection, and is always set as it has to be", name)
	}
	return nil
}

// field is a rule that writes or removes a field.
func field(act route.Act, words []string) (route.Directive, error) {
	d := route.Directive{Act: act}
	want := map[route.Act]int{route.DelHeader: 1, route.SetHeader: 2, route.AddHeader: 2, route.ReplaceHeader: 3, route.ReplaceValue: 3}[act]
	if len(words) != want {
		return d, fmt.Errorf("%s takes %d words, and there are %d", act, want, len(words))
	}
	d.Name = words[0]
	err := fieldName(d.Name)
	if want == 3 && err == nil {
		d.Match, err = regexp.Compile(words[1])
	}
	if want > 1 && err == nil {
		d.Value, err = route.ParseFormat(words[want-1])
	}
	return d, err
}

// requestField carries out a rule that changes a field of requests.
func requestField(act route.Act) func(*reader, []string) error {
	return func(r *reader, words []string) error {
		d, err := field(act, words)
		if err != nil {
			return err
		}
		if strings.EqualFold(d.Name, "Host") && (act == route.AddHeader || act == route.DelHeader) {
			return errors.New("a request has one Host, no more and no less")
		}
		if r.isBuiltIn(d) {
			return nil
		}
		if act == route.AddHeader && strings.EqualFold(d.Name, "X-Forwarded-Proto") {
			d.Act = route.SetHeader // there is one already
		}
		return r.request(d)
	}
}

// isBuiltIn says that a line of the built-in template is done anyway.
func (r *reader) isBuiltIn(d route.Directive) bool {
	switch {
	case r.on != nil:
		return false
	case strings.EqualFold(d.Name, "X-Forwarded-Port"):
		return d.Act == route.SetHeader && d.Value.String() == "%[dst_port]" && !r.has
	case strings.EqualFold(d.Name, "X-Forwarded-Proto"):
		return d.Value.String() == "https" && r.has && r.cond.String() == "if { ssl_fc }"
	}
	return false
}

// responseField carries out a rule that changes a field of responses.
func responseField(act route.Act) func(*reader, []string) error {
	return func(r *reader, words []string) error {
		d, err := field(act, words)
		if err != nil {
			return err
		}
		return r.response(d)
	}
}

// target carries out a rule that changes a request's target.
func target(act route.Act) func(*reader, []string) error {
	return func(r *reader, words []string) (err error) {
		d := route.Directive{Act: act}
		switch act {
		case route.ReplacePath, route.ReplacePathQ, route.ReplaceURI:
			if len(words) != 2 {
				return fmt.Errorf("%s takes an expression and what to put in its place", act)
			}
			d.Match, err = regexp.Compile(words[0])
			words = words[1:]
		}
		if err == nil && len(words) != 1 {
			return fmt.Errorf("%s takes one word, and there are %d", act, len(words))
		}
		if err == nil {
			d.Value, err = route.ParseFormat(words[0])
		}
		if err != nil {
			return err
		}
		return r.request(d)
	}
}

func (r *reader) allow(words []string) error {
	if len(words) > 0 {
		return fmt.Errorf("%q is not carried out", words[0])
	}
	return r.request(route.Directive{Act: route.Allow})
}

func (r *reader) accept([]string) error { return r.request(route.Directive{Act: route.Accept}) }
func (r *reader) reject([]string) error { return r.request(route.Directive{Act: route.Reject}) }

// deny refuses, with a status if one is given.
func (r *reader) deny(words []string) error { return r.refuse(403, words) }

// tarpit refuses at once: to hold a client back would cost us as much as it.
func (r *reader) tarpit(words []string) error { return r.refuse(500, words) }

func (r *reader) refuse(code int, words []string) (err error) {
	for len(words) > 0 {
		switch {
		case len(words) > 1 && (words[0] == "deny_status" || words[0] == "status"):
			if code, err = strconv.Atoi(words[1]); err != nil || code < 200 || code > 599 {
				return fmt.Errorf("%q is no status", words[1])
			}
			words = words[2:]
		default:
			return fmt.Errorf("%q is not carried out", words[0])
		}
	}
	return r.request(route.Directive{Act: route.Deny, Code: code})
}

// block refuses before all other rules.
func (r *reader) block([]string) error {
	c, err := r.requestCondition()
	if err == nil {
		r.blocks = append(r.blocks, route.Directive{Act: route.Deny, Code: 403, If: c})
	}
	return err
}

func (r *reader) redirect(words []string) error         { return r.redirectTo(words, false) }
func (r *reader) redirectOfItsOwn(words []string) error { return r.redirectTo(words, true) }

func (r *reader) redirectTo(words []string, late bool) (err error) {
	d := route.Directive{Act: route.Redirect, Code: 302, Late: late}
	for len(words) > 0 && err == nil {
		word, arg := words[0], ""
		words = words[1:]
		switch word {
		case "drop-query":
			d.DropQuery = true
			continue
		case "append-slash":
			d.AppendSlash = true
			continue
		}
		if len(words) == 0 {
			return fmt.Errorf("nothing stands behind %q", word)
		}
		arg, words = words[0], words[1:]
		switch word {
		case "location", "prefix", "scheme":
			d.Name, d.Value = word, route.Plain(arg)
			if !late {
				d.Value, err = route.ParseFormat(arg)
			}
		case "code":
			if d.Code, err = strconv.Atoi(arg); err != nil || !slices.Contains([]int{301, 302, 303, 307, 308}, d.Code) {
				return fmt.Errorf("%q is no status of a redirect", arg)
			}
		case "set-cookie":
			d.Cookie = arg + "; path=/;"
		case "clear-cookie":
			d.Cookie = arg + "; Max-Age=0; path=/;"
		default:
			return fmt.Errorf("%q is not carried out", word)
		}
	}
	switch {
	case err != nil:
		return err
	case d.Name == "":
		return errors.New("it does not say where to: location, prefix or scheme")
	case strings.ContainsAny(d.Cookie, "\r\n\x00"):
		return errors.New("a cookie of one line, please")
	}
	return r.request(d)
}

// useBackend has the service port lead to the service, under a condition: otherwise there is nobody to answer.
func (r *reader) useBackend(words []string) error {
	if f := r.sharedFrontend(r.set.row.Name); f != nil && len(words) == 1 && words[0] == backendName(r.s.app.ID, r.s.port) {
		return r.leadHere(f)
	}
	if len(words) != 1 || words[0] != backendName(r.s.app.ID, r.s.port) {
		return errors.New("it leads to another backend, and rules lead to their own service only")
	}
	if !r.has {
		return nil
	}
	r.cond.Unless = !r.cond.Unless
	return r.request(route.Directive{Act: route.Deny, Code: 503})
}
