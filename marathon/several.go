package marathon

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"marathon-lb/internal/route"
)

// Several Marathons that know nothing of each other are followed by a Watcher each. Their apps meet in one Compiler, where an app of
// a named Marathon goes by name:/app. That text is what orders them, too: of two apps that want the same, the one whose Marathon's
// name comes first in the alphabet gets it.

var marathonName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)

// Marathons are the options of each Marathon that Endpoints tell of: one without a name, whose base URLs they are, or several, each
// written name=url,url.
func (o Options) Marathons() ([]Options, error) {
	var named []Options
	seen := map[string]bool{}
	for _, word := range o.Endpoints {
		name, urls, found := strings.Cut(word, "=")
		if !found || strings.ContainsAny(name, ":/") { // the = is one of a URL
			continue
		}
		switch {
		case !marathonName.MatchString(name):
			return nil, fmt.Errorf("%q: the name of a Marathon is letters, digits, dots, dashes and underscores", name)
		case seen[name]:
			return nil, fmt.Errorf("%q: two Marathons of one name; write name=url,url for one with several URLs", name)
		}
		seen[name] = true
		one := o
		one.Name, one.Endpoints = name, list(urls)
		if len(one.Endpoints) == 0 {
			return nil, fmt.Errorf("%q: it has no URL; write %s=http://master.mesos:8080", name, name)
		}
		named = append(named, one)
	}
	switch {
	case len(named) == 0:
		named = []Options{o}
	case len(named) < len(o.Endpoints):
		return nil, errors.New("either all are name=url,url, or none is: plain URLs are those of one Marathon")
	}
	for _, one := range named {
		for _, text := range one.Endpoints {
			if _, err := parseEndpoint(text); err != nil {
				return nil, err
			}
		}
	}
	return named, nil
}

// ofMarathon is how an app of a Marathon of that name is called among those of others.
func ofMarathon(name, app string) string {
	if name == "" {
		return app
	}
	return name + ":" + app
}

// AppID is how an app of this Marathon is called among those of others.
func (o Options) AppID(id string) string { return ofMarathon(o.Name, id) }

// bareID is what the app's own Marathon calls it.
func bareID(app string) string {
	if name, id, found := strings.Cut(app, ":/"); found && !strings.Contains(name, "/") {
		return "/" + id
	}
	return app
}

// Joint lets several watchers use one compiler. The changes it makes are emitted in their order, one at a time.
type Joint struct {
	mu       sync.Mutex
	compiler *Compiler
	emit     func(route.Change)
}

// NewJoint makes a joint; emit is called with each change and holds up the watchers.
func NewJoint(c *Compiler, emit func(route.Change)) *Joint { return &Joint{compiler: c, emit: emit} }

// Linker is for the watcher of the Marathon of that name, empty for the only one. What it is told of counts with its next Link, all
// at once.
func (j *Joint) Linker(name string) Linker { return &member{joint: j, name: name} }

type member struct {
	joint *Joint
	name  string
	todo  []func(*Compiler)
}

func (m *member) Set(a App, f Facts) {
	a.ID = ofMarathon(m.name, a.ID)
	m.todo = append(m.todo, func(c *Compiler) { c.Set(a, f) })
}

func (m *member) Remove(id string) {
	m.todo = append(m.todo, func(c *Compiler) { c.Remove(ofMarathon(m.name, id)) })
}

func (m *member) Link(now time.Time) route.Change {
	m.joint.mu.Lock()
	defer m.joint.mu.Unlock()
	for _, do := range m.todo {
		do(m.joint.compiler)
	}
	clear(m.todo)
	m.todo = m.todo[:0]
	change := m.joint.compiler.Link(now)
	if !change.Empty() {
		m.joint.emit(change)
	}
	return change
}
