package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
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
	signals   chan os.Signal
	*handover
}

// serve runs a load balancer until ctx ends, or a successor has taken its place.
func serve(ctx context.Context, o config.Config, log *zap.Logger) error {
	stop, err := profile(o.Life.CPUProfile)
	if err != nil {
		return err
	}
	defer stop()
	b, err := newBalancer(o, log)
	if err != nil {
		return err
	}
	signal.Notify(b.signals, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2)
	defer signal.Stop(b.signals)
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
	b := &balancer{o: o, log: log, compiler: marathon.NewCompiler(o.Marathon), proxy: proxy.New(o.Proxy, log), marathons: marathons, began: time.Now(),
		signals: make(chan os.Signal, 4), handover: newHandover()}
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
	if err := b.inherit(); err != nil {
		return err
	}
	if err := b.stats.Listen(); err != nil {
		return err
	}
	return b.proxy.Apply(route.Change{SetListeners: b.o.Marathon.Listeners(), Now: time.Now()})
}

// Run follows Marathon and serves until ctx ends, a successor serves, or a part of it cannot go on. Then it is not ready any more, drains,
// and, unless the successor does, shows its statistics until it has.
func (b *balancer) Run(asked context.Context) error {
	b.say()
	stay, leave := context.WithCancel(context.WithoutCancel(asked))
	defer leave()
	work, ctx := errgroup.WithContext(stay)
	defer context.AfterFunc(ctx, func() { b.leaving.Store(true) })()
	showing, hide := context.WithCancel(context.WithoutCancel(ctx))
	defer hide()
	var show errgroup.Group
	show.Go(func() error {
		err := b.show(showing)
		if err != nil {
			leave()
		}
		return err
	})
	upgrading, abandon := context.WithCancel(ctx)
	defer abandon()
	show.Go(func() error { return b.obey(showing, upgrading) })
	for _, w := range b.watchers {
		work.Go(func() error { return w.Run(ctx) })
	}
	work.Go(func() error { b.await(asked, ctx, abandon); leave(); return nil })
	work.Go(func() error { return b.succeed(ctx) })
	work.Go(func() error { return b.teller.Run(ctx) })
	work.Go(func() error { return b.proxy.Run(ctx) })
	err := work.Wait()
	hide()
	if shown := show.Wait(); err == nil || asked.Err() != nil || ended(b.succeeded) { // what was asked to end is no failure
		err = shown
	}
	if err != nil {
		return err
	}
	b.log.Info("left")
	return nil
}

// await returns when the process is to leave: its successor serves, or it was asked to and the grace is over.
func (b *balancer) await(asked, ctx context.Context, abandonUpgrade context.CancelFunc) {
	select {
	case <-ctx.Done():
	case <-b.succeeded:
	case <-asked.Done():
		b.leaving.Store(true)
		b.supervisor.leaving()
		abandonUpgrade()
		b.underWay.Lock() // until it has ended
		defer b.underWay.Unlock()
		grace := time.NewTimer(b.o.Life.Grace)
		defer grace.Stop()
		select {
		case <-grace.C:
		case <-ctx.Done():
		}
	}
}

// show serves the statistics from when this process may serve until ctx ends or a successor shows its own.
func (b *balancer) show(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-b.mayServe:
	}
	showing, end := context.WithCancel(ctx)
	defer end()
	var waiting sync.WaitGroup
	waiting.Go(func() {
		select {
		case <-b.succeeded:
			end()
		case <-showing.Done():
		}
	})
	err := b.stats.Run(showing)
	end()
	waiting.Wait()
	return err
}

// obey carries out signals until ctx ends: SIGHUP and SIGUSR1 as marathon_lb.py did, the latter having nothing to reload, SIGUSR2 for an
// upgrade.
func (b *balancer) obey(ctx, upgrading context.Context) error {
	var upgrades sync.WaitGroup
	defer upgrades.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case s := <-b.signals:
			b.log.Info("signal", zap.Stringer("signal", s))
			switch s {
			case syscall.SIGHUP:
				b.reread()
			case syscall.SIGUSR2:
				upgrades.Go(func() { b.upgrade(upgrading) })
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
