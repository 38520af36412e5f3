package proxy

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"marathon-lb/internal/route"
)

// certStore has the certificates that anything served names, and reads them again when they change. Handshakes look into its view, questions
// into its account: neither waits for a file. A change of the table waits only if it names other certificates, which it has to have read.
type certStore struct {
	zap    *zap.Logger
	common []string           // paths of the flag's and the environment's certificates, in order
	pems   map[string]CertPEM // the environment's, by path
	made   string             // path that stands for the self-signed one if no variable has it, empty if none does
	view   atomic.Pointer[certView]
	told   atomic.Pointer[certAccount]
	every  time.Duration

	mu    sync.Mutex
	users certUsers

	looking sync.Mutex // at files, one at a time; taken before mu
	sources map[string]*certSource
	signers map[string]*certFile // of clients' certificates, by path
	own     *certFile            // self-signed, made when it is first needed
}

// certAccount is what there is to be said of the certificates since the last look. It does not change.
type certAccount struct {
	problems     []route.Problem
	certificates []Certificate
	own          *tls.Certificate // signed by itself, nil if there is none
}

// ownPath is where Marathon-LB wrote a certificate signed by itself if it was given none, and where labels look for it.
const ownPath = "/etc/ssl/cert.pem"

func newCertStore(o Options, log *zap.Logger) *certStore {
	s := &certStore{
		zap: log, every: cmp.Or(o.CertPoll, 2*time.Second), common: slices.Clone(o.SSLCerts), pems: map[string]CertPEM{},
		users: certUsers{listeners: map[string]certUser{}, backends: map[string]certUser{}}, sources: map[string]*certSource{},
	}
	for _, p := range o.CertPEMs {
		s.pems[p.Path] = p
		if !slices.Contains(s.common, p.Path) {
			s.common = append(s.common, p.Path)
		}
	}
	if len(o.SSLCerts) == 0 {
		s.made = ownPath
	}
	if len(s.common) == 0 {
		s.common = []string{ownPath}
	}
	s.view.Store(&certView{})
	s.told.Store(&certAccount{})
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
			s.looking.Lock()
			s.refresh(now, false)
			s.looking.Unlock()
		}
	}
}

// Reread reads all files of certificates again, now. One that turned bad leaves the certificate that was served in use.
func (p *Proxy) Reread() {
	s := p.certs
	s.looking.Lock()
	defer s.looking.Unlock()
	for _, source := range s.sources {
		for _, f := range source.files {
			f.read = time.Time{} // as it is not known when, the text decides
		}
	}
	for _, f := range s.signers {
		f.read = time.Time{}
	}
	s.refresh(time.Now(), false)
}

// refresh reads what may have changed. rebuild says that the users have. The caller has looking, and not mu: files may be slow.
func (s *certStore) refresh(now time.Time, rebuild bool) {
	s.mu.Lock()
	users := s.users.clone()
	s.mu.Unlock()
	sources := map[string]*certSource{}
	for _, u := range users.all() {
		for _, path := range s.paths(u) {
			if sources[path] == nil {
				sources[path] = s.source(path)
				rebuild = sources[path].look(now) || rebuild
			}
		}
	}
	s.sources = sources
	rebuild = s.readSigners(users, now) || rebuild
	if rebuild {
		s.view.Store(s.newView(users))
	}
	told := &certAccount{problems: s.findProblems(users, now), certificates: s.certificates()}
	if s.own != nil {
		told.own = s.own.cert
	}
	s.told.Store(told)
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
	if path == s.made {
		return &certSource{path: path, fixed: true, files: []*certFile{s.selfSigned()}}
	}
	return &certSource{path: path}
}

// newView is the view of the certificates as they are known now.
func (s *certStore) newView(users certUsers) *certView {
	v := &certView{listeners: map[string]*certSet{}, hosts: map[string]*certSet{}, clients: map[string]*x509.CertPool{}}
	for bind, u := range users.listeners {
		if f := s.signers[u.signers()]; f != nil {
			v.clients[bind] = f.pool
		}
		if len(u.paths) > 0 {
			v.listeners[bind] = s.set(u.paths)
		} else if v.common == nil {
			v.common = s.commonSet()
		}
	}
	wanted := map[string][]string{} // paths by host
	for _, name := range slices.Sorted(maps.Keys(users.backends)) {
		for _, host := range users.backends[name].hosts {
			wanted[host] = append(wanted[host], users.backends[name].paths...)
		}
	}
	for host, paths := range wanted {
		if set := s.set(paths); !set.empty() {
			v.hosts[host] = set
		}
	}
	return v
}

// any says that some of the paths have a certificate.
func (s *certStore) any(paths []string) bool {
	return slices.ContainsFunc(paths, func(path string) bool { return len(s.sources[path].certs()) > 0 })
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
	if set.empty() {
		if own := s.selfSigned(); own.cert != nil {
			set.add(own.cert)
		}
	}
	return set
}

// selfSigned is the certificate that is signed by itself.
func (s *certStore) selfSigned() *certFile {
	if s.own == nil {
		s.own = selfSigned(time.Now())
		s.zap.Info("there is no certificate; one that is signed by itself is served", zap.Error(s.own.err))
	}
	return s.own
}
