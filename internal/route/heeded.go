package route

import "strings"

// heeded is a directive whose condition was asked for.
type heeded struct {
	directive *Directive
	holds     bool
}

// heed notes whether a directive's condition holds, and says so.
func (tr *Trace) heed(x *Directive, holds bool) bool {
	if tr != nil {
		tr.heeded = append(tr.heeded, heeded{x, holds})
	}
	return holds
}

// DirectiveStand is a rule of the backend's templates, as HAProxy would read it.
type DirectiveStand struct {
	Line    string   `json:"line"`
	ACLs    []string `json:"acls,omitempty"` // that its condition speaks of
	Verdict string   `json:"verdict"`        // taken, no match, behind (an earlier one ended the rules), later (with the response)
}

// Later is the verdict on rules that wait for the response.
const Later = "later"

// String is the line, with what the names in it stand for.
func (s DirectiveStand) String() string {
	if len(s.ACLs) == 0 {
		return s.Line
	}
	return s.Line + " (" + strings.Join(s.ACLs, "; ") + ")"
}

// Stands are the rules as explanations show them, with what a trace has of them.
func (d *Directives) Stands(tr *Trace) []DirectiveStand {
	all := []DirectiveStand{}
	if d == nil {
		return all
	}
	for i := range d.Request {
		x := &d.Request[i]
		s := d.stand(x, "http-request")
		s.Verdict = tr.verdict(x)
		all = append(all, s)
	}
	for i := range d.Response {
		s := d.stand(&d.Response[i], "http-response")
		s.Verdict = Later
		all = append(all, s)
	}
	return all
}

// Ended is the rule that refused the request or sent it elsewhere: the last whose condition held.
func (d *Directives) Ended(tr *Trace) DirectiveStand {
	return d.stand(tr.heeded[len(tr.heeded)-1].directive, "http-request")
}

// discreet is a line that whoever asks may see: not what may hold credentials.
func discreet(line string) string {
	if Confidential(line) {
		return "(a line with credentials, which is not shown)"
	}
	return line
}

func (d *Directives) stand(x *Directive, of string) DirectiveStand {
	s := DirectiveStand{Line: discreet(x.line(of))}
	for _, a := range d.ACLs {
		if x.If.Uses(a) {
			for _, line := range a.lines() {
				s.ACLs = append(s.ACLs, discreet(line))
			}
		}
	}
	return s
}

func (tr *Trace) verdict(x *Directive) string {
	for _, h := range tr.heeded {
		switch {
		case h.directive != x:
		case h.holds:
			return Taken
		default:
			return NoMatch
		}
	}
	return Behind
}

// restrictions are the rules that keep somebody out, or send somebody elsewhere.
func (d *Directives) restrictions() (all []string) {
	if d == nil {
		return nil
	}
	for i := range d.Request {
		if x := &d.Request[i]; x.restricts() {
			all = append(all, "templates: "+d.stand(x, "http-request").String())
		}
	}
	return all
}
