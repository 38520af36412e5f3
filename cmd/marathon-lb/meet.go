package main

import (
	"slices"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/marathon"
)

// crowd are apps that one load balancer serves.
type crowd struct {
	compiler *marathon.Compiler
	present  map[string]*definition // by id
}

func newCrowd(o marathon.Options) crowd {
	return crowd{compiler: marathon.NewCompiler(o), present: map[string]*definition{}}
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

// meet finds in whose way definitions are. Unless the groups of the load balancer are known, none has all: there is one for each group
// that labels name, and one for those that name none.
func (k *checking) meet() {
	if !k.anyone {
		k.gather(k.o, k.all)
		return
	}
	meetings := map[string][]*definition{}
	for _, d := range k.all {
		groups := d.Groups()
		if groups == nil && d.labelled() {
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
		c := newCrowd(o)
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
