package main

import (
	"strings"
	"time"

	"marathon-lb/internal/haproxy"
	"marathon-lb/internal/route"
	"marathon-lb/marathon"
	"marathon-lb/stats"
)

// source is where the stats side finds what it shows.
func (b *balancer) source() stats.Source {
	return stats.Source{
		Version:  release,
		Table:    b.proxy.Table,
		Problems: b.problems,
		Verdicts: b.verdicts,
		Explain:  b.explainer().explain,
		Marathons: func() []stats.Marathon {
			var all []stats.Marathon
			for i, w := range b.watchers {
				all = append(all, marathonStats(w.Status(), b.marathons[i]))
			}
			return all
		},
		Ready:  b.ready,
		Resync: b.reread,

		HAProxy:      func() string { return haproxy.Config(b.proxy.Table().Spec(), haproxyOptions(b.o, false)) },
		Certificates: b.certificates,
		Unopened:     b.proxy.Unopened,
		MaxConn:      b.proxy.MaxConn,
	}
}

// verdicts are marathon's, but for services whose own port takes nobody.
func (b *balancer) verdicts() []route.Verdict {
	all := b.compiler.Verdicts()
	b.honest(all)
	return all
}

// honest puts what the proxy knows into verdicts.
func (b *balancer) honest(all []route.Verdict) {
	hindered := b.proxy.Hindered()
	for i := range all {
		v := &all[i]
		if h, is := hindered[v.Backend]; is && (v.Why == route.Exposed || v.Why == route.Empty) {
			v.Why, v.Detail = h.Why, h.Detail
		}
	}
}

func (b *balancer) explainer() explainer {
	return explainer{way: b.proxy.Explain, compiler: b.compiler, honest: b.honest, problems: b.ownProblems, own: b.o.Marathon.ReservedPorts}
}

func (b *balancer) certificates() []stats.Certificate {
	var all []stats.Certificate
	for _, c := range b.proxy.Certificates() {
		all = append(all, stats.Certificate{Source: c.Source, Hosts: c.Names, NotAfter: c.NotAfter})
	}
	return all
}

// firstReads is how long readiness waits for all of several Marathons. Then those that were read suffice.
const firstReads = 30 * time.Second

// ready says that there is a table and that the process is not leaving.
func (b *balancer) ready() bool {
	read := 0
	for _, w := range b.watchers {
		if !w.Status().LastRead.IsZero() {
			read++
		}
	}
	return !b.leaving.Load() && (read == len(b.watchers) || read > 0 && time.Since(b.began) > firstReads)
}

// reread reads everything anew that may have changed: files of certificates and credentials, and Marathon.
func (b *balancer) reread() {
	b.proxy.Reread()
	for _, w := range b.watchers {
		w.Reread()
	}
}

func (b *balancer) problems() []route.Problem {
	return append(b.ownProblems(), b.compiler.Problems()...)
}

// ownProblems are those that do not follow from what apps ask for.
func (b *balancer) ownProblems() []route.Problem {
	all := b.proxy.Problems()
	for _, w := range b.watchers {
		all = append(all, w.Status().Problems()...)
	}
	return all
}

// marathonStats is a watcher's status in the words of the stats side.
func marathonStats(s marathon.Status, o marathon.Options) stats.Marathon {
	m := stats.Marathon{
		Name: s.Name, Up: s.Up(), Poll: s.Poll, Endpoint: s.Source.Endpoint, Leader: s.Source.Leader, Read: s.LastRead, LastEvent: s.Stream.LastEvent,
		Apps: s.Apps, Events: s.Events, BadEvents: s.BadEvents, UnknownEvents: s.UnknownEvents,
		Reconnects: s.Stream.Reconnects(), Builds: s.Builds, ReadErrors: map[string]uint64{},
		GuardActive: s.Guard.Active, GuardSince: s.Guard.Since, GuardTotal: s.Guard.Total, GuardWhy: s.Guard.Why,
	}
	if !s.Poll {
		m.Since = s.Stream.Since
	}
	if m.Endpoint == "" {
		m.Endpoint = strings.Join(o.ShownEndpoints(), ", ")
	}
	for reason, n := range s.ReadErrors {
		m.ReadErrors[string(reason)] = n
	}
	switch {
	case m.Up:
	case s.ReadErr != nil:
		m.Trouble = s.ReadErr.Error()
	case s.Stream.Err != nil:
		m.Trouble = s.Stream.Err.Error()
	}
	return m
}
