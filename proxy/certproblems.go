package proxy

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"marathon-lb/internal/route"
)

// expiresSoon is how long before its end a certificate becomes a problem.
const expiresSoon = 14 * 24 * time.Hour

// findProblems says what is wrong with certificates, to each who names them.
func (s *certStore) findProblems(users certUsers, now time.Time) []route.Problem {
	var all []route.Problem
	for _, u := range users.all() {
		empty := !s.any(s.paths(u))
		for _, path := range s.paths(u) {
			all = append(all, s.sources[path].findProblems(u, empty, now)...)
		}
		all = append(all, s.signersProblems(u)...)
	}
	slices.SortFunc(all, func(a, b route.Problem) int {
		return cmp.Or(cmp.Compare(a.App, b.App), cmp.Compare(a.Label, b.Label), cmp.Compare(a.Value, b.Value), cmp.Compare(a.Reason, b.Reason))
	})
	return slices.Compact(all)
}

func (s *certSource) findProblems(u certUser, empty bool, now time.Time) []route.Problem {
	var all []route.Problem
	add := func(value, reason, remedy string) {
		p := route.Problem{App: u.app, Label: u.label, Value: value, Reason: reason, Remedy: remedy}
		if s.fixed {
			p.App, p.Label, p.Value, p.Remedy = "", s.files[0].path, s.path, "give the variable a certificate, its chain and its key, and start anew"
		}
		all = append(all, p)
	}
	switch {
	case s.err != nil:
		reason, remedy := why(s.err)
		add(s.path, reason+"; what was read from it before stays in use", remedy)
	case s.dir && len(s.files) == 0:
		add(s.path, "the directory has no file; "+instead(u, empty), "put PEM files there, or name one")
	}
	for _, f := range s.files {
		if f.err != nil {
			reason, remedy := why(f.err)
			without := "the certificate read before stays in use"
			if f.cert == nil {
				without = instead(u, empty)
			}
			add(f.path, reason+"; "+without, remedy)
		}
		if f.cert != nil {
			if reason := outOfTime(f.cert.Leaf.NotBefore, f.cert.Leaf.NotAfter, now); reason != "" {
				add(f.path, reason, "put a new one in its place; it is noticed within seconds")
			}
		}
	}
	return all
}

// instead is what happens to a user without a certificate. empty says that there is no other.
func instead(u certUser, empty bool) string {
	switch {
	case !empty:
		return "it is left out until it can be used"
	case u.hosts != nil:
		return "its hosts get the certificates for all until it can be used"
	case len(u.paths) > 0:
		return "the port accepts nobody until it can be used"
	}
	return "a certificate that is signed by itself is served until it can be used"
}

// outOfTime says that a certificate is not valid, or soon will not be; empty if it is.
func outOfTime(from, until, now time.Time) string {
	day := func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }
	switch {
	case now.After(until):
		return "the certificate expired on " + day(until) + "; clients refuse it"
	case now.Before(from):
		return "the certificate is not valid before " + day(from) + "; clients refuse it"
	case until.Sub(now) < expiresSoon:
		return "the certificate expires on " + day(until)
	}
	return ""
}

// Problems are those of the last look.
func (s *certStore) Problems() []route.Problem { return s.told.Load().problems }

// Certificate says until when a certificate that may be served is valid.
type Certificate struct {
	Source   string // the PEM file, or the variable, it is from
	Names    []string
	NotAfter time.Time
}

// Certificates are those that handshakes may choose from, by source.
func (p *Proxy) Certificates() []Certificate { return p.certs.told.Load().certificates }

func (s *certStore) certificates() []Certificate {
	found := map[string]Certificate{}
	add := func(f *certFile) {
		if f != nil && f.cert != nil {
			found[f.path] = Certificate{Source: f.path, Names: names(f.cert.Leaf), NotAfter: f.cert.Leaf.NotAfter}
		}
	}
	for _, source := range s.sources {
		for _, f := range source.files {
			add(f)
		}
	}
	if c := s.view.Load().common; s.own != nil && !c.empty() && c.first == s.own.cert {
		add(s.own)
	}
	return slices.SortedFunc(maps.Values(found), func(a, b Certificate) int { return cmp.Compare(a.Source, b.Source) })
}
