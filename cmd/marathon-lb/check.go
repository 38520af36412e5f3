package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"marathon-lb/config"
	"marathon-lb/internal/route"
	"marathon-lb/marathon"
)

// check finds what is wrong with app definitions before they are deployed.
func (c command) check(args []string) int {
	o, err := config.ParseCheck(args, c.environ)
	if err != nil {
		return c.noWork("check", err, config.CheckUsage, nil)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var from []origin
	if o.Running {
		if from, err = readMarathons(ctx, o.Marathon); err != nil {
			fmt.Fprintf(c.err, "marathon-lb: check: %v\n", err)
			return usage
		}
	} else {
		from = readFiles(o.Files, c.in)
	}
	k := checking{o: o.Marathon, found: map[finding]bool{}}
	for i := range from {
		k.take(&from[i])
	}
	k.meet(o.Anyone)
	return k.report(c.out, o.JSON)
}

// checking is what a check has found so far.
type checking struct {
	o       marathon.Options
	all     []*definition
	apps    int // those that cannot be read too
	found   map[finding]bool
	notes   []string
	partial bool // something could not be read
}

// definition is an app of an origin.
type definition struct {
	marathon.App
	file string
}

// take checks the apps of an origin, each by itself: whatever others are, its problems are told.
func (k *checking) take(from *origin) {
	if from.err != nil {
		k.partial = true
		k.found[from.trouble()] = true
	}
	for _, f := range from.unreadable() {
		k.apps++
		k.found[f] = true
	}
	here := map[string]bool{}
	for _, a := range from.apps {
		k.apps++
		d := &definition{App: a, file: from.name}
		d.Tasks = nil // whether they run is not the question
		if here[d.ID] {
			k.found[finding{File: from.name, Problem: route.Problem{App: d.ID, Label: "id", Value: d.ID,
				Reason: "the file defines it twice, and Marathon has one app of an id", Remedy: "remove one of the two"}}] = true
		}
		here[d.ID] = true
		k.all = append(k.all, d)
		k.alone(d)
	}
}

func (k *checking) alone(d *definition) {
	c := crowd{compiler: marathon.NewCompiler(k.o), present: map[string]*definition{}}
	c.set(d)
	for _, b := range k.link(c).SetBackends {
		if b.Auth != nil {
			k.notes = append(k.notes, fmt.Sprintf("note: %s: %s: AUTH of port %d guards the service port and the app id too, unless --auth-scope=vhost", d.file, d.ID, b.PortIndex))
		}
	}
}

// crowd are apps that one load balancer serves.
type crowd struct {
	compiler *marathon.Compiler
	present  map[string]*definition // by id
}

func (c *crowd) set(d *definition) {
	c.present[d.ID] = d
	c.compiler.Set(d.App, marathon.Facts{})
}

// fileOf is where an app or a deployment group is defined, empty for neither.
func (c *crowd) fileOf(id string) string {
	if d := c.present[id]; d != nil {
		return d.file
	}
	for _, a := range c.compiler.Explain(id) {
		for _, member := range a.Members {
			return c.present[member].file
		}
	}
	return ""
}

// link adds what is wrong with a crowd to what was found.
func (k *checking) link(c crowd) route.Change {
	change := c.compiler.Link(time.Now())
	for _, p := range c.compiler.Problems() {
		k.found[finding{File: c.fileOf(p.App), Problem: p}] = true
	}
	return change
}

// meet finds in whose way definitions are. With anyone, no load balancer has all: there is one for each group that labels name, and
// one for those that name none.
func (k *checking) meet(anyone bool) {
	if !anyone {
		k.gather(k.o, k.all)
		return
	}
	meetings := map[string][]*definition{}
	for _, d := range k.all {
		groups := d.Groups()
		if groups == nil {
			groups = []string{""}
		}
		for _, g := range groups {
			meetings[g] = append(meetings[g], d)
		}
	}
	for group, all := range meetings {
		o := k.o
		if group != "" {
			o.Groups = []string{group}
		}
		k.gather(o, all)
	}
}

// gather has definitions meet. Files that define one id are of several Marathons, and nothing says which others are there: so each of
// these files meets every definition of each other app.
func (k *checking) gather(o marathon.Options, all []*definition) {
	versions, files, most := map[string][]*definition{}, map[string][]*definition{}, 0
	for _, d := range all {
		versions[d.ID] = append(versions[d.ID], d)
		files[d.file] = append(files[d.file], d)
		most = max(most, len(versions[d.ID]))
	}
	for v := range most {
		c := crowd{compiler: marathon.NewCompiler(o), present: map[string]*definition{}}
		version := func(id string) *definition { return versions[id][min(v, len(versions[id])-1)] }
		for id := range versions {
			c.set(version(id))
		}
		k.link(c)
		for _, file := range files {
			if !slices.ContainsFunc(file, func(d *definition) bool { return version(d.ID) != d }) {
				continue // it was there
			}
			for _, d := range file {
				c.set(d)
			}
			k.link(c)
			for _, d := range file {
				c.set(version(d.ID))
			}
		}
	}
}

// report writes what is wrong, and what may surprise who comes from Marathon-LB.
func (k *checking) report(out io.Writer, asJSON bool) int {
	problems := []finding{}
	for f := range k.found {
		problems = append(problems, f)
	}
	slices.SortFunc(problems, finding.compare)
	if asJSON {
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		e.Encode(map[string]any{"problems": problems})
	} else {
		for _, f := range problems {
			fmt.Fprintln(out, f)
		}
		for _, n := range k.notes {
			fmt.Fprintln(out, n)
		}
		fmt.Fprintf(out, "%d apps, %d problems\n", k.apps, len(problems))
	}
	switch {
	case k.partial:
		return usage
	case len(problems) > 0:
		return cannotRun
	}
	return clean
}

func (f finding) compare(g finding) int {
	return cmp.Or(cmp.Compare(f.File, g.File), cmp.Compare(f.Line, g.Line), cmp.Compare(f.App, g.App), cmp.Compare(f.Label, g.Label),
		cmp.Compare(f.Value, g.Value), cmp.Compare(f.Reason, g.Reason), cmp.Compare(f.Remedy, g.Remedy))
}

// String is a line of a report.
func (f finding) String() string {
	var words []string
	add := func(word string) {
		if word != "" {
			words = append(words, word)
		}
	}
	at, label := f.File, f.Label
	if f.Line > 0 {
		at = fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	if f.Value != "" || strings.HasPrefix(label, "HAPROXY_") {
		label = fmt.Sprintf("%s=%q", label, f.Value)
	}
	add(at)
	add(f.App)
	add(label)
	add(f.Reason + ". " + sentence(f.Remedy))
	return strings.Join(words, ": ")
}

// sentence begins a remedy with a capital letter and ends it with a full stop.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	end := "."
	if last := text[len(text)-1]; last == '?' || last == '.' {
		end = ""
	}
	return strings.ToUpper(text[:1]) + text[1:] + end
}
