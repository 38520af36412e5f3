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

// certUsers are all of them.
type certUsers struct {
	listeners map[string]certUser // that speak TLS, by bind address
	backends  map[string]certUser // that have certificates, by name
}

func (u certUsers) clone() certUsers {
	return certUsers{maps.Clone(u.listeners), maps.Clone(u.backends)}
}

// all are the users in a steady order.
func (u certUsers) all() []certUser {
	var all []certUser
	for _, users := range []map[string]certUser{u.listeners, u.backends} {
		for _, key := range slices.Sorted(maps.Keys(users)) {
			all = append(all, users[key])
		}
	}
	return all
}

// use takes note of what the next table will need, and reads what is new, before that table is served.
func (s *certStore) use(c route.Change) {
	s.mu.Lock()
	news := s.users.note(c)
	s.mu.Unlock()
	if news {
		s.looking.Lock()
		defer s.looking.Unlock()
		s.refresh(time.Now(), true)
	}
}

// note notes the users that a change brings and takes, and says whether they are news.
func (u certUsers) note(c route.Change) (changed bool) {
	for _, bind := range c.DropListeners {
		changed = note(u.listeners, route.BindText(bind), certUser{}, false) || changed
	}
	for _, l := range c.SetListeners {
		user := certUser{label: certsFlag, paths: l.Certs, owner: l.App, clients: l.Options}
		if len(l.Certs) > 0 {
			user.app, user.label = l.App, l.CertLabel
		}
		changed = note(u.listeners, route.BindText(l.Bind), user, l.TLS) || changed
	}
	for _, name := range c.DropBackends {
		changed = note(u.backends, name, certUser{}, false) || changed
	}
	for _, b := range c.SetBackends {
		user := certUser{app: b.App, label: b.CertLabel, paths: b.Certs, hosts: hostsOf(b)}
		changed = note(u.backends, b.Name, user, len(b.Certs) > 0) || changed
	}
	return changed
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
