package route

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteText writes the explanation for people: what comes of it first, then why.
func (e *Explanation) WriteText(w io.Writer) {
	fmt.Fprintf(w, "%s\n  %s\n", printable(e.Question), printable(e.Answer))
	if e.Request != nil {
		e.Request.writeText(w)
	}
	for i := range e.Apps {
		e.Apps[i].writeText(w)
	}
}

// section is a heading with lines whose tabs are aligned.
func section(w io.Writer, heading string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", heading)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, line := range lines {
		fmt.Fprintln(t, "  "+strings.TrimRight(line, "\t"))
	}
	t.Flush()
}

// cells are one line of a section.
func cells(texts ...string) string {
	for i := range texts {
		texts[i] = printable(texts[i])
	}
	return strings.Join(texts, "\t")
}

// printable keeps what others wrote from moving a terminal's cursor.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f && c < 0xa0 {
			return '?'
		}
		return c
	}, strings.ToValidUTF8(text, "?"))
}

func (w *Way) writeText(to io.Writer) {
	if l := w.Listener; l != nil {
		lines := []string{cells(l.Name, l.Bind, l.About())}
		for _, more := range []struct{ what, text string }{{"app", l.App}, {"trouble", l.Trouble}, {"certificate", l.Certificate}} {
			if more.text != "" {
				lines = append(lines, printable(more.what+": "+more.text))
			}
		}
		section(to, "Listener", lines)
	}
	var rules []string
	for _, r := range w.Rules {
		rules = append(rules, cells(itoa(r.Order)+".", r.String(), r.App, r.Verdict, r.Why))
	}
	section(to, "Rules, in order", rules)
	if w.Backend != nil {
		w.Backend.writeText(to)
	}
	var directives []string
	for i, d := range w.Directives {
		directives = append(directives, cells(itoa(i+1)+".", d.String(), d.Verdict))
	}
	section(to, "Rules of templates, in order", directives)
	var notes []string
	for _, n := range w.Notes {
		notes = append(notes, printable(n))
	}
	section(to, "Notes", notes)
}

// About says how the listener serves.
func (l *ListenerStand) About() string {
	text := string(l.Mode)
	if l.TLS {
		text += " over TLS"
	}
	return text + map[Entry]string{ByHost: ", routes by host", ByAppID: ", routes by X-Marathon-App-Id", ByService: ", all to one backend"}[l.Entry]
}

// String is what the rule matches.
func (r RuleStand) String() string {
	if r.AppID != "" {
		return "app id " + r.AppID
	}
	text := r.Host + r.Path
	if r.IgnoreCase {
		text += " (any case)"
	}
	text = fmt.Sprintf("%s weight %d", text, r.Weight)
	if r.If != "" {
		text += " " + r.If
	}
	return text
}

func (b *BackendStand) writeText(w io.Writer) {
	lines := []string{cells(b.Name, b.About())}
	for _, a := range b.Access {
		lines = append(lines, printable(a))
	}
	section(w, "Backend", lines)
	var servers []string
	for _, s := range b.Servers {
		servers = append(servers, cells(s.Mark(b), s.Name, s.Address, s.State, s.Health, s.Check, s.Grade, s.Why))
	}
	if servers == nil {
		servers = []string{"none"}
	}
	section(w, fmt.Sprintf("Servers: %d of %d take turns", b.Usable, len(b.Servers)), servers)
}

// About says what the backend serves, and how.
func (b *BackendStand) About() string {
	return fmt.Sprintf("port %d of %s, service port %d, %s, %s", b.PortIndex, b.App, b.Port, b.Mode, b.Balance)
}

// Mark says in a word whether requests go to a server of the backend.
func (s *ServerStand) Mark(b *BackendStand) string {
	switch {
	case s.Eligible && s.Name == b.Next:
		return "next"
	case s.Eligible, s.Name == b.Next:
		return "yes"
	}
	return "no"
}

// mostTasks bounds what the text tells of; the JSON has all.
const mostTasks = 40

func (a *About) writeText(w io.Writer) {
	heading := "App " + printable(a.App)
	if len(a.Members) > 0 {
		heading = "Deployment group " + printable(a.App) + " of " + printable(strings.Join(a.Members, ", "))
	}
	var ports []string
	for _, p := range a.Ports {
		ports = append(ports, p.lines(a.App)...)
	}
	section(w, heading, append(ports, noneIf(len(ports) == 0, "it has no service port")...))
	var tasks []string
	for i, t := range a.Tasks {
		if i == mostTasks {
			tasks = append(tasks, fmt.Sprintf("and %d more", len(a.Tasks)-i))
			break
		}
		tasks = append(tasks, cells(t.Task, t.Host, t.State, t.Health, t.Why))
	}
	section(w, "Tasks", append(tasks, noneIf(len(tasks) == 0, "none")...))
	var problems []string
	for _, p := range a.Problems {
		problems = append(problems, printable(fmt.Sprintf("%s=%q: %s; remedy: %s", p.Label, p.Value, p.Reason, p.Remedy)))
	}
	section(w, "Problems", problems)
}

func noneIf(is bool, text string) []string {
	if is {
		return []string{text}
	}
	return nil
}

// lines are the port of an app: what becomes of it, then what it asks for.
func (p *PortStand) lines(app string) []string {
	name := fmt.Sprintf("port %d", p.PortIndex)
	if p.App != app {
		name += " of " + p.App
	}
	lines := []string{cells(name, p.Verdict.String())}
	add := func(what, text string) {
		if text != "" {
			lines = append(lines, cells("", what, text))
		}
	}
	add("backend", p.Backend)
	add("service port", p.PortText())
	add("mode", string(p.Mode))
	add("groups", strings.Join(p.Groups, ", "))
	add("hosts", strings.Join(p.Hosts, ", "))
	add("paths", strings.Join(p.Paths, ", "))
	add("probes", p.Check)
	add("access", strings.Join(p.Access, "; "))
	return lines
}

// PortText is the service port.
func (p *PortStand) PortText() string {
	if p.Port == 0 {
		return "none"
	}
	return itoa(p.Port)
}

// String is the verdict in words.
func (v Verdict) String() string {
	text := string(v.Why)
	if v.Why != Exposed {
		text = "not exposed: " + text
	}
	if v.Detail != "" {
		text += " (" + v.Detail + ")"
	}
	return text
}
