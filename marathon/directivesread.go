package marathon

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/agnivade/levenshtein"

	"marathon-lb/internal/hacfg"
	"marathon-lb/internal/route"
)

// reader gives the templates of a service their meaning, line by line, each by its row in the table of directives.
type reader struct {
	s       *service
	check   *HealthCheck
	do      *route.Directives
	acls    map[string]*route.ACL // by section and name; nil for one that cannot be carried out
	section string                // of the template: each has acls of its own
	fronts  [2]frontend           // :80 and :443

	set    setting         // the template
	line   hacfg.Line      // of it
	cond   hacfg.Condition // of the line
	has    bool            // there is one
	on     *route.Test     // the listener of a frontend that the template is a part of, nil for all
	blocks []route.Directive
	rules  []route.Directive
	late   []route.Directive // lines that begin with redirect
	server serverWords

	compress compressing
	told     int  // problems with the template
	foreign  bool // the rest of the template is another section's
}

// errLost is a line whose meaning is known, but that is not carried out.
var errLost = errors.New("is not carried out")

// settleTemplates carries out the templates of the service, in the order in which Marathon-LB wrote them down.
func (s *service) settleTemplates(h *HealthCheck) {
	if len(s.templates) == 0 && s.options.Templates[globalHead] == "" {
		return
	}
	r := &reader{s: s, check: h, do: &route.Directives{}, acls: map[string]*route.ACL{}}
	r.fronts[0].port, r.fronts[1].port = int(s.options.HTTPBind.Port()), int(s.options.HTTPSBind.Port())
	r.defaults()
	slices.SortStableFunc(s.templates, func(a, b setting) int { return cmp.Compare(a.row.place, b.row.place) })
	for _, set := range s.templates {
		r.template(set)
	}
	r.settleFronts()
	r.do.Request = slices.Concat(r.blocks, r.rules, r.late)
	r.do.ACLs = slices.DeleteFunc(r.do.ACLs, func(a *route.ACL) bool {
		uses := func(d route.Directive) bool { return d.If.Uses(a) }
		return !slices.ContainsFunc(r.do.Request, uses) && !slices.ContainsFunc(r.do.Response, uses)
	})
	r.server.settle(s)
	r.settleCompression()
	if !r.do.Empty() {
		s.do = r.do
	}
}

// template carries out one template.
func (r *reader) template(set setting) {
	r.set, r.told = set, 0
	r.line, r.foreign = hacfg.Line{}, false
	if set.row.unused != nil {
		if unused := set.row.unused(r.s); unused != "" {
			if set.forAll { // but for others
				return
			}
			r.lose(set.value, "the template is not used: "+unused, "remove it")
			return
		}
	}
	text := strings.ReplaceAll(set.value, "\r\n", "\n")
	if !raw[set.row.Name] {
		var err error
		if text, err = substitute(text, func(name string) (string, bool) { return r.s.placeholder(name, r.check) }); err != nil {
			r.lose(set.value, err.Error()+"; the built-in text stays in force", "correct it")
			return
		}
	}
	r.on = r.listener(set.row.Name)
	r.section = ""
	if r.on != nil {
		r.section = r.on.String() + " "
	}
	if f := r.sharedFrontend(set.row.Name); f != nil {
		f.touched = true
	}
	if set.row.replaces != nil {
		set.row.replaces(r.s)
	}
	if set.row.reads != nil {
		set.row.reads(r, text)
		return
	}
	lines := hacfg.Read(text)
	for _, r.line = range lines { // acls first: a rule may come before them in another template
		if r.line.Err == nil && r.line.Words[0] == "acl" {
			r.obeyLine()
		}
	}
	for _, r.line = range lines {
		if r.line.Err != nil || r.line.Words[0] != "acl" {
			r.obeyLine()
		}
	}
}

// obeyLine carries out a line.
func (r *reader) obeyLine() {
	if r.line.Err != nil {
		r.lose(r.line.Text, r.line.Err.Error(), "correct the line")
		return
	}
	words, c, err := hacfg.CutCondition(r.line.Words)
	row := findDirective(words)
	switch {
	case r.foreign:
		r.lose(r.line.Text, "it stands in another section, which is not carried out", "leave it out")
	case row == nil:
		said, near := meant(r.line.Words)
		r.lose(r.line.Text, fmt.Sprintf("%q is not carried out", said), near+"remove it, or see the list of directives")
	case err != nil:
		r.loseRow(row, err)
	default:
		r.has = c != nil
		if r.cond = (hacfg.Condition{}); c != nil {
			r.cond = *c
		}
		if row.NoCondition { // a word may happen to be "if"
			words, r.has = r.line.Words, false
		}
		switch {
		case row.apply != nil:
			if err := row.apply(r, words[len(strings.Fields(row.Words)):]); err != nil {
				r.loseRow(row, err)
			}
		case row.Effect == NotYet:
			r.loseRow(row, errLost)
		}
	}
}

func (r *reader) loseRow(row *Directive, err error) {
	reason, remedy := err.Error(), cmp.Or(row.Instead, "correct the line, or remove it")
	if errors.Is(err, errLost) {
		said, near := meant(r.line.Words)
		reason, remedy = fmt.Sprintf("%q is not carried out", said), near+remedy
	}
	if row.Restricts && !harmless(r.line.Words) {
		r.close(reason, remedy)
		return
	}
	r.lose(r.line.Text, reason, remedy)
}

// meant is what a line begins with, as far as a word more may tell of another directive, and the question whether the nearest directive is meant
// if there is none of these words.
func meant(words []string) (said, near string) {
	n := 1
	for n < len(words) && slices.ContainsFunc(directives, func(d Directive) bool { return strings.HasPrefix(d.Words, strings.Join(words[:n], " ")+" ") }) {
		n++
	}
	said = strings.Join(words[:n], " ")
	best := 3
	for _, d := range directives {
		if len(said) > 64 || byWords[said] != nil { // longer than any, or one
			break
		}
		if distance := levenshtein.ComputeDistance(said, d.Words); distance < best {
			best, near = distance, d.Words
		}
	}
	if near != "" {
		near = fmt.Sprintf("write %q if that is meant; otherwise ", near)
	}
	return said, near
}

// lose tells of what is not carried out; if it restricts access, the service is closed.
func (r *reader) lose(text, reason, remedy string) {
	if r.set.row.restricts != nil && r.set.row.restricts(text) {
		r.close(reason, remedy)
		return
	}
	r.complain(reason, remedy)
}

func (r *reader) close(reason, remedy string) {
	r.s.closedBy = r.set.name
	r.complain(reason+"; it restricts access, so the service is closed", remedy+"; remove it only if the service may be open to all")
}

// complain is a problem with the line, or with the template as a whole.
func (r *reader) complain(reason, remedy string) {
	if r.told++; r.told > mostTold {
		return
	}
	value, at := r.set.value, ""
	if r.line.Number > 0 {
		value, at = r.written(), "line "+strconv.Itoa(r.line.Number)+": "
	}
	if r.told == mostTold {
		reason += "; what else is wrong with the template is not told"
	}
	set := r.set
	set.value = value
	r.s.complain(set, at+asWritten.Replace(reason), remedy)
}

// written is the line as it stands in the template.
func (r *reader) written() string {
	lines := strings.Split(strings.ReplaceAll(r.set.value, "\r\n", "\n"), "\n")
	if r.line.Number <= len(lines) {
		return strings.TrimSpace(lines[r.line.Number-1])
	}
	return asWritten.Replace(r.line.Text)
}

// mostTold is how many problems a template has: who reads them wants to see those of others, too.
const mostTold = 10

// asWritten has placeholders again where something stands for a value that differs from server to server.
var asWritten = strings.NewReplacer(anyName, "{serverName}", anyHost, "{host_ipv4}", anyPort, "{port}", anyNetwork, "{network_allowed}")

// condition is that of the line, with names of acls known, and restricted to the frontend the template belongs to.
func (r *reader) condition() (*route.Condition, error) {
	var c *route.Condition
	if r.has {
		broken := ""
		var err error
		c, err = route.NewCondition(&r.cond, func(name string) *route.ACL {
			a, bad := r.find(name)
			if bad {
				broken = name
			}
			return a
		})
		if broken != "" {
			err = fmt.Errorf("the acl %s cannot be carried out", broken)
		}
		if err != nil {
			return nil, err
		}
	}
	if r.s.mode == route.TCP && c.Scope() > route.OfConnection {
		return nil, errors.New("a service in mode tcp has no requests to look at")
	}
	if r.on == nil {
		return c, nil
	}
	c, ok := c.And(r.on)
	if !ok {
		return nil, errors.New("the condition has too many alternatives")
	}
	return c, nil
}

// find is the acl of a name; bad says that there is one that cannot be carried out.
func (r *reader) find(name string) (a *route.ACL, bad bool) {
	a, known := r.acls[r.section+name]
	if !known {
		a, known = r.builtIn(name)
	}
	return a, known && a == nil
}

// named is the condition that all acls of some names hold.
func (r *reader) named(names []string) (*route.Condition, error) {
	r.has, r.cond, r.on = true, hacfg.Condition{Any: [][]hacfg.Term{nil}}, nil
	for _, name := range names {
		r.cond.Any[0] = append(r.cond.Any[0], hacfg.Term{Name: name})
	}
	return r.condition()
}

// requestCondition is a condition that can be asked before there is a response.
func (r *reader) requestCondition() (*route.Condition, error) {
	c, err := r.condition()
	if err == nil && c.Scope() == route.OfResponse {
		err = errors.New("there is no response yet to look at")
	}
	return c, err
}

// listener is the test for the port whose frontend a template is a part of.
func (r *reader) listener(name string) *route.Test {
	port := 0
	switch o := r.s.options; {
	case name == "FRONTEND_HEAD", name == "FRONTEND_BACKEND_GLUE":
		port = r.s.port
	case strings.HasPrefix(name, "HTTPS_FRONTEND"):
		port = int(o.HTTPSBind.Port())
	case strings.HasPrefix(name, "HTTP_FRONTEND_APPID"):
		port = int(o.AppIDBind.Port())
	case strings.HasPrefix(name, "HTTP_FRONTEND"), strings.HasPrefix(name, "BACKEND_REDIRECT_HTTP"):
		port = int(o.HTTPBind.Port())
	}
	if port == 0 {
		return nil
	}
	t, err := route.OnPort(port)
	if err != nil {
		return nil
	}
	return t
}

// builtIn is an acl of Marathon-LB's own templates.
func (r *reader) builtIn(name string) (a *route.ACL, known bool) {
	h, _ := r.s.placeholder("cleanedUpHostname", nil)
	var words []string
	switch name {
	case "host_" + h:
		words = append([]string{"hdr(host)", "-i", "--"}, r.s.hosts...)
	case "path_" + backendName(r.s.app.ID, r.s.port):
		words = append([]string{"path_beg"}, strings.Fields(r.s.app.Labels[portLabel(r.s.index, "PATH")])...)
	default:
		return nil, false
	}
	if err := r.acl(append([]string{name}, words...)); err != nil {
		return nil, true
	}
	return r.acls[r.section+name], true
}

// readNetworks is for a template that is written once for each network of the allow-list. What it says takes the list's place.
func (r *reader) readNetworks(text string) {
	networks := r.s.allow
	r.s.allow = nil
	for _, n := range networks {
		one := strings.ReplaceAll(text, anyNetwork, n.String())
		for _, r.line = range hacfg.Read(one) {
			r.obeyLine()
		}
	}
	a := r.acls[r.section+"network_allowed"]
	if a == nil {
		r.close("it does not define the acl network_allowed", "correct it")
		return
	}
	c := &hacfg.Condition{Unless: true, Any: [][]hacfg.Term{{{Name: a.Name}}}}
	unless, err := route.NewCondition(c, func(string) *route.ACL { return a })
	switch {
	case err != nil:
		r.close(err.Error(), "correct it")
	case r.s.mode == route.TCP:
		r.blocks = append(r.blocks, route.Directive{Act: route.Reject, If: unless})
	default:
		r.blocks = append(r.blocks, route.Directive{Act: route.Deny, Code: 403, If: unless})
	}
}
