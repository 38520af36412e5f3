package proxy

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"marathon-lb/internal/route"
)

// certStore has the certificates that anything served names, and reads them again when they change. Handshakes look into its view and
// never wait for a file.
type certStore struct {
	zap    *zap.Logger
	common []string           // paths of the flag's and the environment's certificates, in order
	pems   map[string]CertPEM // the environment's, by path
	view   atomic.Pointer[certView]
	every  time.Duration

	mu        sync.Mutex
	listeners map[string]certUser // that speak TLS, by bind address
	backends  map[string]certUser // that have certificates, by name
	sources   map[string]*certSource
	own       *certFile // self-signed, made when it is first needed
	problems  []route.Problem
}

// certUser is a label or flag that names certificates.
type certUser struct {
	app, label string
	paths      []string // those of the flag and the environment if none
	hosts      []string // of a backend: what it wants them for
}

func (u certUser) equal(v certUser) bool {
	return u.app == v.app && u.label == v.label && slices.Equal(u.paths, v.paths) && slices.Equal(u.hosts, v.hosts)
}

// certsFlag is whom a problem with a certificate for all names.
const certsFlag = "--ssl-certs"

func newCertStore(o Options, log *zap.Logger) *certStore {
	s := &certStore{
		zap: log, every: cmp.Or(o.CertPoll, 2*time.Second), common: slices.Clone(o.SSLCerts), pems: map[string]CertPEM{},
		listeners: map[string]certUser{}, backends: map[string]certUser{}, sources: map[string]*certSource{},
	}
	for _, p := range o.CertPEMs {
		s.pems[p.Path] = p
		if !slices.Contains(s.common, p.Path) {
			s.common = append(s.common, p.Path)
		}
	}
	s.view.Store(&certView{})
	return s
}

// run looks at the files again and again until ctx ends.
func (s *certStore) run(ctx context.Context) {
	tick := time.NewTicker(s.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			s.mu.Lock()
			s.refresh(now, false)
			s.mu.Unlock()
		}
	}
}

// use takes note of what the next table will need, and reads what is new, before that table is served.
func (s *certStore) use(c route.Change, next *route.Table) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := false
	for _, bind := range c.DropListeners {
		changed = note(s.listeners, route.BindText(bind), certUser{}, false) || changed
	}
	for _, l := range c.SetListeners {
		u := certUser{app: l.App, label: certsFlag, paths: l.Certs}
		if b := next.Backend(l.Backend); b != nil && len(l.Certs) > 0 {
			u.label = certLabel(b.Spec.PortIndex)
		}
		changed = note(s.listeners, route.BindText(l.Bind), u, l.TLS) || changed
	}
	for _, name := range c.DropBackends {
		changed = note(s.backends, name, certUser{}, false) || changed
	}
	for _, b := range c.SetBackends {
		u := certUser{app: b.App, label: certLabel(b.PortIndex), paths: b.Certs, hosts: hostsOf(b)}
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

func certLabel(port int) string { return "HAPROXY_" + strconv.Itoa(port) + "_SSL_CERT" }

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

// refresh reads what may have changed. rebuild says that the users have.
func (s *certStore) refresh(now time.Time, rebuild bool) {
	sources := map[string]*certSource{}
	for _, u := range s.users() {
		for _, path := range s.paths(u) {
			if sources[path] == nil {
				sources[path] = s.source(path)
				rebuild = sources[path].look(now) || rebuild
			}
		}
	}
	s.sources = sources
	if rebuild {
		s.view.Store(s.newView())
	}
	s.report(s.findProblems(now))
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

// paths are where a user's certificates come from.
func (s *certStore) paths(u certUser) []string {
	if len(u.paths) == 0 {
		return s.common
	}
	return u.paths
}

// source is what is known of a path, or the beginning of it.
func (s *certStore) source(path string) *certSource {
	if known := s.sources[path]; known != nil {
		return known
	}
	if p, ok := s.pems[path]; ok {
		return variableSource(p)
	}
	return &certSource{path: path}
}

// newView is the view of the certificates as they are known now.
func (s *certStore) newView() *certView {
	v := &certView{listeners: map[string]*certSet{}, hosts: map[string]*certSet{}}
	for bind, u := range s.listeners {
		if len(u.paths) > 0 {
			v.listeners[bind] = s.set(u.paths)
		} else if v.common == nil {
			v.common = s.commonSet()
		}
	}
	wanted := map[string][]string{} // paths by host
	for _, name := range slices.Sorted(maps.Keys(s.backends)) {
		for _, host := range s.backends[name].hosts {
			wanted[host] = append(wanted[host], s.backends[name].paths...)
		}
	}
	for host, paths := range wanted {
		if set := s.set(paths); !set.empty() {
			v.hosts[host] = set
		}
	}
	return v
}

// set is the certificates of some paths.
func (s *certStore) set(paths []string) *certSet {
	set := newCertSet()
	for _, path := range paths {
		for _, c := range s.sources[path].certs() {
			set.add(c)
		}
	}
	return set
}

// commonSet is the set of the flag and the environment. Where that has none, a certificate signed by itself keeps :443 from being
// dead: the log and the problems say so.
func (s *certStore) commonSet() *certSet {
	set := s.set(s.common)
	if !set.empty() {
		s.own = nil
		return set
	}
	if s.own == nil {
		s.own = selfSigned(time.Now())
		s.zap.Info("there is no certificate; one that is signed by itself is served", zap.Strings("asked for", s.common), zap.Error(s.own.err))
	}
	if s.own.cert != nil {
		set.add(s.own.cert)
	}
	return set
}
