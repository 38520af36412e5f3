package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"

	"marathon-lb/internal/route"
	"marathon-lb/internal/upgrade"
)

// handover is how one process takes the place of another: SIGUSR2 has this one start the program again, as it is on disk now and with the
// same arguments, and hand it the sockets. The new one serves when it knows what to serve, and this one drains.
type handover struct {
	program     string // found as the shell found it when this process was started, so that a link may lead to a new version
	predecessor *upgrade.Predecessor
	mayServe    chan struct{} // closed at once, but for a predecessor that serves still
	succeeded   chan struct{} // closed when a successor serves
	underWay    sync.Mutex    // held while an upgrade is tried
	supervisor  supervisor
}

func newHandover() *handover {
	h := &handover{mayServe: make(chan struct{}), succeeded: make(chan struct{}), supervisor: newSupervisor()}
	if path, err := exec.LookPath(os.Args[0]); err == nil {
		h.program, _ = filepath.Abs(path)
	}
	return h
}

// upgrade starts a successor and waits until it serves, or ctx ends. If it cannot serve, all stays as it is.
func (b *balancer) upgrade(ctx context.Context) {
	if !b.underWay.TryLock() {
		b.log.Warn("there is an upgrade under way already")
		return
	}
	defer b.underWay.Unlock()
	b.log.Info("upgrade: starting a successor", zap.String("program", b.program))
	pid, err := b.startSuccessor(ctx)
	if err != nil {
		b.proxy.Keep()
		b.log.Error("the upgrade failed; this process goes on", zap.Error(err))
		return
	}
	b.log.Info("upgrade: the successor serves; this process drains", zap.Int("successor", pid))
	close(b.succeeded)
}

// startSuccessor refuses where nobody would be left to look after the successor.
func (b *balancer) startSuccessor(ctx context.Context) (pid int, err error) {
	switch {
	case b.leaving.Load() || ended(b.succeeded):
		return 0, errors.New("this process is leaving")
	case !ended(b.mayServe):
		return 0, errors.New("this process has not taken over from its own predecessor yet")
	case os.Getpid() == 1:
		return 0, errors.New("this is process 1 of a container, which ends with it: start a container of the new image instead")
	case b.program == "":
		return 0, fmt.Errorf("the program %s is not found", os.Args[0])
	}
	for _, w := range b.watchers {
		w.Save(ctx)
	}
	p := upgrade.Program{Path: b.program, Args: os.Args, Env: os.Environ()}
	return p.Start(ctx, b.o.Life.UpgradeTimeout, b.give)
}

// give is the socket of a port, for a successor.
func (b *balancer) give(bind string) (*os.File, error) {
	if bind == route.BindText(b.o.Stats.Bind) {
		return b.stats.Give()
	}
	return b.proxy.Give(bind)
}

// ended says that a channel is closed.
func ended(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// inherit finds the predecessor, if there is one, and has the ports come from it.
func (b *balancer) inherit() (err error) {
	if b.predecessor, err = upgrade.Find(); err != nil {
		return fmt.Errorf("predecessor: %w", err)
	}
	if b.predecessor == nil {
		close(b.mayServe)
		return nil
	}
	b.proxy.Inherit(b.predecessor.Listener)
	var l *net.TCPListener
	if l, err = b.predecessor.Listener(route.BindText(b.o.Stats.Bind)); err != nil {
		return fmt.Errorf("predecessor: statistics port: %w", err)
	}
	if l != nil {
		b.stats.Inherit(l)
	}
	return nil
}

// lookAgain is how often a successor looks whether it knows what to serve.
const lookAgain = 20 * time.Millisecond

// succeed takes over from the predecessor as soon as this process knows what to serve.
func (b *balancer) succeed(ctx context.Context) error {
	if b.predecessor == nil {
		b.supervisor.ready()
		return nil
	}
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for !b.caughtUp() {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
	if err := b.predecessor.Ready(); err != nil {
		return fmt.Errorf("taking over from the predecessor: %w", err)
	}
	b.proxy.Release()
	close(b.mayServe)
	b.supervisor.ready()
	if err := b.predecessor.Serving(); err != nil { // it will see that this process is there
		b.log.Warn("the predecessor does not listen any more", zap.Error(err))
	}
	b.log.Info("took over from the predecessor")
	return nil
}

// caughtUp says that this process serves what its predecessor does: each Marathon was read, or, where it cannot be, what was saved last is
// all that anybody knows.
func (b *balancer) caughtUp() bool {
	for _, w := range b.watchers {
		if s := w.Status(); s.LastRead.IsZero() || s.Restored && s.ReadErr == nil {
			return false
		}
	}
	return true
}
