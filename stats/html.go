package stats

import (
	"bufio"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"marathon-lb/internal/route"
)

var (
	//go:embed assets/page.html
	pageHTML string
	//go:embed assets/page.css
	pageCSS string

	pageTemplate = template.Must(template.New("page").Parse(pageHTML))
)

// pagePolicy lets a browser load nothing and run nothing, whatever text of others the page may hold.
const pagePolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; base-uri 'none'"

// page is what the template is filled with.
type page struct {
	reading
	Version, Node, Uptime string
	PID, Threads          int
	Style                 template.CSS
	Query                 query
	Banner                banner
	Groups                []group
	Columns               []pageColumn
	Cards                 []*card
	Explained             *explained // nil where nothing was asked
}

// card is a proxy on the page: its frontend, its servers and its backend in one table, as HAProxy shows a "listen" section.
type card struct {
	Name, About string
	Rows        []*row
}

func writeHTML(w io.Writer, q query, rd *reading, x *explained) error {
	node, _ := os.Hostname() // a host without a name shows none
	p := page{
		reading: *rd, Version: rd.version, Node: node, Uptime: uptime(rd.uptime()), PID: os.Getpid(), Threads: runtime.GOMAXPROCS(0),
		Style: template.CSS(pageCSS), Query: q, Banner: banners[q.code], Groups: pageGroups, Columns: pageColumns, Cards: cards(rd.view),
		Explained: x,
	}
	b := bufio.NewWriterSize(w, 32<<10)
	if err := pageTemplate.Execute(b, &p); err != nil {
		return err
	}
	return b.Flush()
}

// cards groups the rows by proxy, in the order in which the proxies first come.
func cards(v *view) []*card {
	byName := map[string]*card{}
	var all []*card
	for i := range v.rows {
		r := &v.rows[i]
		c := byName[r.pxname]
		if c == nil {
			c = &card{Name: r.pxname}
			byName[r.pxname] = c
			all = append(all, c)
		}
		if r.kind == backend && r.backend != nil {
			c.About = about(r)
			if len(c.Rows) > 0 && c.Rows[0].status == stopped {
				c.About += " · its port cannot be opened, see the problems above"
			}
		}
		c.Rows = append(c.Rows, r)
	}
	return all
}

// mostHosts bounds what the title of a card tells: some apps have hundreds of hosts.
const mostHosts = 4

// about says in the title of a card what the backend is to Marathon's users: its app and where it is reached.
func about(r *row) string {
	b := r.backend
	say := []string{b.App}
	for i, r := range b.Rules {
		if i == mostHosts {
			say = append(say, fmt.Sprintf("and %d more", len(b.Rules)-i))
			break
		}
		if r.Host != "" {
			say = append(say, r.Host+r.Path)
		}
	}
	if b.Closed {
		say = append(say, "closed: a restriction of access cannot be honoured, see the problems above")
	}
	if r.panics {
		say = append(say, "panic: probes fail at every server, so those that Marathon vouches for are used all the same")
	}
	return strings.Join(say, " · ")
}

// banner is the result of an action, as ";st=" names it.
type banner struct{ Class, Text string }

var banners = map[string]banner{
	"DONE": {"active_up", "The action was carried out."},
	"NONE": {"active_going_down", "Nothing was changed."},
	"PART": {"active_going_down", "The action was carried out in part: some servers are not known."},
	"ERRP": {"active_down", "Nothing was changed: the action, the backend or the server is not known."},
	"EXCD": {"active_down", "Nothing was changed: the request is too long."},
	"DENY": {"active_down", "Nothing was changed: this page has no actions."},
	"IVAL": {"active_down", "Nothing was changed: the request cannot be read."},
	"UNKN": {"active_no_check", "The result is not known."},
}

// What follows is for the template: links, then the process and Marathon.

func (p *page) Clean() string { q := p.Query; q.code = ""; return q.target() }
func (p *page) CSV() string   { q := p.Query; q.format = formatCSV; return q.target() }
func (p *page) JSON() string  { q := p.Query; q.format = formatJSON; return q.target() }
func (p *page) Scope() string { return p.Query.scope }
func (p *page) Hides() bool   { return p.Query.hideDown }
func (p *page) Asked() string { return p.Query.explain }
func (p *page) From() string  { return p.Query.from }

func (p *page) Toggled() string {
	q := p.Query
	q.hideDown = !q.hideDown
	return q.target()
}

// Serves says that there is an app in the table, be it one that was saved.
func (p *page) Serves() bool {
	return slices.ContainsFunc(p.rows, func(r row) bool { return r.backend != nil })
}

func (p *page) Marathons() []Marathon     { return p.marathons }
func (p *page) Problems() []route.Problem { return p.problems }
func (p *page) Generation() uint64        { return p.generation }
func (p *page) MaxConn() int64            { return p.maxconn }
func (p *page) Files() uint64             { return p.nofile }
func (p *page) Idle() int                 { return p.idle }
func (p *page) Conns() int64              { return p.sum(frontend, func(r *row) int64 { return r.scur }) }
func (p *page) ConnRate() int64           { return p.sum(frontend, func(r *row) int64 { return r.connRate }) }
func (p *page) Goroutines() int           { return runtime.NumGoroutine() }

// Since is the age of a moment as the page writes it, empty for none.
func (p *page) Since(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return ago(p.now.Sub(t))
}

// uptime is a duration in the form that Datadog's agent reads from the page.
func uptime(d time.Duration) string {
	s := int64(d.Seconds())
	return fmt.Sprintf("%dd %dh%02dm%02ds", s/86400, s/3600%24, s/60%60, s%60)
}

// ago is a duration in HAProxy's short form: its two largest units that are not zero.
func ago(d time.Duration) string {
	s := max(int64(d.Seconds()), 0)
	out, units := "", 0
	for _, u := range []struct {
		n    int64
		name string
	}{{s / 86400, "d"}, {s / 3600 % 24, "h"}, {s / 60 % 60, "m"}, {s % 60, "s"}} {
		if u.n > 0 && units < 2 {
			out += fmt.Sprint(u.n) + u.name
			units++
		}
	}
	if out == "" {
		return "0s"
	}
	return out
}
