package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/signal"
	"slices"
	"strings"
	"syscall"

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
	k := checking{o: o.Marathon, anyone: o.Anyone, found: map[finding]bool{}}
	for i := range from {
		k.take(&from[i])
	}
	k.meet()
	return k.report(c.out, o.JSON)
}

// checking is what a check has found so far.
type checking struct {
	o       marathon.Options
	anyone  bool // no group was named: each app is for the load balancers that its labels name
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

// labelled says that the app has labels for load balancers. One that has none may have whatever port it likes.
func (d *definition) labelled() bool {
	for name := range d.Labels {
		if strings.HasPrefix(name, "HAPROXY_") {
			return true
		}
	}
	return false
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
	o := k.o
	if k.anyone && !d.labelled() {
		o.Groups = nil // only mistyped labels are left to be told of
	}
	c := newCrowd(o)
	c.set(d)
	for _, b := range k.link(c).SetBackends {
		if b.Auth != nil {
			k.notes = append(k.notes, fmt.Sprintf("note: %s: %s: AUTH of port %d guards the service port and the app id too, unless --auth-scope=vhost", d.file, d.ID, b.PortIndex))
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
		return usage // as for a wrong argument: it was not checked
	case len(problems) > 0:
		return cannotRun
	}
	return clean
}
