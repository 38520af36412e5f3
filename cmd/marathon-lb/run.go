package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"marathon-lb/config"
	"marathon-lb/internal/route"
	"marathon-lb/marathon"
	"marathon-lb/proxy"
	"marathon-lb/stats"
)

// balancer is the load balancer, put together: Marathon's changes go to the proxy, and stats shows both.
type balancer struct {
	o         config.Config
	log       *zap.Logger
	compiler  *marathon.Compiler
	marathons []marathon.Options
	watchers  []*marathon.Watcher // of each
	proxy     *proxy.Proxy
	stats     *stats.Server
	teller    *teller
	began     time.Time
	leaving   atomic.Bool
}

// serve runs a load balancer until ctx ends.
func serve(ctx context.Context, o config.Config, log *zap.Logger) error {
	b, err := newBalancer(o, log)
	if err != nil {
		return err
	}
	if err := b.listen(); err != nil {
		return err
	}
	return b.Run(ctx)
}

func newBalancer(o config.Config, log *zap.Logger) (*balancer, error) {
	marathons, err := o.Marathon.Marathons()
	if err != nil {
		return nil, err
	}
	b := &balancer{o: o, log: log, compiler: marathon.NewCompiler(o.Marathon), proxy: proxy.New(o.Proxy, log), marathons: marathons, began: time.Now()}
	b.teller = newTeller(log, b.problems)
	joint := marathon.NewJoint(b.compiler, b.change)
	for _, m := range marathons {
		client, err := m.Client()
		if err != nil {
			return nil, err
		}
		if _, err := m.StateFile(); err != nil { // better now than when it is needed
			return nil, err
		}
		its := log
		if m.Name != "" {
			its = log.With(zap.String("marathon", m.Name))
		}
		b.watchers = append(b.watchers, marathon.NewWatcher(m, client, joint.Linker(m.Name), its, func(route.Change) {})) // the joint emits
	}
	b.stats = stats.NewServer(o.Stats, b.source(), log)
	return b, nil
}

// change brings what Marathon changed to the proxy, which tries ports that it cannot open again; the teller tells of them.
func (b *balancer) change(c route.Change) {
	_ = b.proxy.Apply(c)
	b.teller.guards(c, b.o.Proxy.AuthScope)
	b.teller.look()
}

// listen binds the ports that belong to the load balancer itself. It needs every one of them.
func (b *balancer) listen() error {
	if err := b.stats.Listen(); err != nil {
		return err
	}
	return b.proxy.Apply(route.Change{SetListeners: b.o.Marathon.Listeners(), Now: time.Now()})
}

// Run follows Marathon and serves until ctx ends, or a part of it cannot go on. Then it is not ready any more, drains, and shows its statistics until it has.
func (b *balancer) Run(asked context.Context) error {
	b.say()
	work, ctx := errgroup.WithContext(asked)
	defer context.AfterFunc(ctx, func() { b.leaving.Store(true) })()
	showing, hide := context.WithCancel(context.WithoutCancel(ctx))
	defer hide()
	var show errgroup.Group
	show.Go(func() error { return b.stats.Run(showing) })
	for _, w := range b.watchers {
		work.Go(func() error { return w.Run(ctx) })
	}
	work.Go(func() error { return b.obey(ctx) })
	work.Go(func() error { return b.teller.Run(ctx) })
	work.Go(func() error { return b.proxy.Run(ctx) })
	err := work.Wait()
	hide()
	if shown := show.Wait(); err == nil || asked.Err() != nil { // what was asked to end is no failure
		err = shown
	}
	if err != nil {
		return err
	}
	b.log.Info("left")
	return nil
}

// obey carries out the signals of marathon_lb.py: SIGHUP reads Marathon anew, SIGUSR1 has nothing to reload.
func (b *balancer) obey(ctx context.Context) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGUSR1)
	defer signal.Stop(signals)
	for {
		select {
		case <-ctx.Done():
			return nil
		case s := <-signals:
			b.log.Info("signal", zap.Stringer("signal", s))
			if s == syscall.SIGHUP {
				b.resync()
			}
		}
	}
}

// say logs, once, what is going to be done and what was asked for in vain.
func (b *balancer) say() {
	b.log.Info("starting", zap.String("version", version()), zap.String("mode", string(b.o.Mode)),
		zap.Strings("marathon", b.o.Marathon.ShownEndpoints()), zap.Strings("groups", b.o.Marathon.Groups),
		zap.Stringer("stats", b.stats.Addr()))
	for _, n := range b.o.Notices {
		say := b.log.Info
		if n.Lost {
			say = b.log.Warn
		}
		say("an option has no effect", zap.String("option", n.Option), zap.String("reason", n.Reason))
	}
	limit, err := raiseFileLimit()
	if err != nil {
		b.log.Warn("the limit of open files cannot be raised", zap.Error(err))
	}
	b.log.Info("open files", zap.Uint64("limit", limit))
}

// raiseFileLimit raises the limit of open files to the hard limit: each connection takes one. It returns the limit in force.
func raiseFileLimit() (uint64, error) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0, fmt.Errorf("limit of open files: %w", err)
	}
	before := l.Cur
	l.Cur = l.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return before, fmt.Errorf("limit of open files %d: %w", l.Max, err)
	}
	return l.Cur, nil
}
