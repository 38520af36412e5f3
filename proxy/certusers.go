package proxy

import (
	"maps"
	"slices"
	"time"

	"marathon-lb/internal/route"
)

// certUser is a label or flag that names certificates.
type certUser struct {
	app, label string
	paths      []string // those of the flag and the environment if none
	hosts      []string // of a backend: what it wants them for

	owner   string            // of a listener: the app it belongs to
	clients route.BindOptions // of a listener: what is asked of its clients
}

func (u certUser) equal(v certUser) bool {
	return u.app == v.app && u.label == v.label && slices.Equal(u.paths, v.paths) && slices.Equal(u.hosts, v.hosts) && u.owner == v.owner && u.clients == v.clients
}

// certsFlag is whom a problem with a certificate for all names.
const certsFlag = "--ssl-certs"

// use takes note of what the next table will need, and reads what is new, before that table is served.
func (s *certStore) use(c route.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := false
	for _, bind := range c.DropListeners {
		changed = note(s.listeners, route.BindText(bind), certUser{}, false) || changed
	}
	for _, l := range c.SetListeners {
		u := certUser{label: certsFlag, paths: l.Certs, owner: l.App, clients: l.Options}
		if len(l.Certs) > 0 {
			u.app, u.label = l.App, l.CertLabel
		}
		changed = note(s.listeners, route.BindText(l.Bind), u, l.TLS) || changed
	}
	for _, name := range c.DropBackends {
		changed = note(s.backends, name, certUser{}, false) || changed
	}
	for _, b := range c.SetBackends {
		u := certUser{app: b.App, label: b.CertLabel, paths: b.Certs, hosts: hostsOf(b)}
		changed = note(s.backends, b.Name, u, len(b.Certs) > 0) || changed
	}
	if changed {
		s.refresh(time.Now(), true)
	}
}

// note notes a user, or that there is none, and says whether that is news.
func note(users map[string]certUser, key string, u certUser, there bool) (news bool) {
	was, known := users[key]
	if !there {
		delete(users, key)
		return known
	}
	users[key] = u
	return !known || !was.equal(u)
}

// hostsOf are the hosts that lead to a backend.
func hostsOf(b route.BackendSpec) []string {
	var hosts []string
	for _, r := range b.Rules {
		if r.Host != "" && !slices.Contains(hosts, r.Host) {
			hosts = append(hosts, r.Host)
		}
	}
	return hosts
}

// users are all users in a steady order.
func (s *certStore) users() []certUser {
	var all []certUser
	for _, users := range []map[string]certUser{s.listeners, s.backends} {
		for _, key := range slices.Sorted(maps.Keys(users)) {
			all = append(all, users[key])
		}
	}
	return all
}
