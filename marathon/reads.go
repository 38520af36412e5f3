package marathon

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"go.uber.org/zap"
)

// land hands a result over to the loop.
func (w *Watcher) land(ctx context.Context, apply func(now time.Time)) {
	select {
	case w.landed <- apply:
	case <-ctx.Done():
	}
}

// reader is how an app is read: by its kind, if that is known.
func (w *Watcher) reader(id string) func(context.Context, string) (App, Source, error) {
	switch h := w.picture.apps[id]; {
	case h == nil:
		return w.client.AppOrPod
	case h.app.Pod:
		return w.client.Pod
	}
	return w.client.App
}

func (w *Watcher) readApp(ctx context.Context, id string, number uint64, read func(context.Context, string) (App, Source, error)) {
	app, _, err := read(ctx, id)
	w.land(ctx, func(now time.Time) { w.haveApp(id, number, app, err, now) })
}

func (w *Watcher) readAll(ctx context.Context, number uint64) {
	list, err := w.client.Apps(ctx)
	w.land(ctx, func(now time.Time) { w.haveAll(number, list, err, now) })
}

func (w *Watcher) resolve(ctx context.Context, host string) {
	limited, cancel := context.WithTimeout(ctx, lookupTimeout)
	found, err := w.lookup(limited, host)
	cancel()
	if err == nil && len(found) == 0 {
		err = errNoAddress
	}
	w.land(ctx, func(now time.Time) { w.haveName(host, found, err, now) })
}

// askFeatures warns, once, of a Marathon that says nothing when it kills a task.
func (w *Watcher) askFeatures(ctx context.Context) {
	info, err := w.client.Info(ctx)
	if err == nil && !slices.Contains(info.Config.Features, "task_killing") {
		w.land(ctx, func(time.Time) { w.silent = true })
		w.log.Warn("Marathon runs without --enable_features task_killing: a task that is killed leaves without notice, and with it requests may be lost",
			zap.String("marathon_version", info.Version))
	}
}

// haveName applies what was found of an agent's name.
func (w *Watcher) haveName(host string, found []netip.Addr, err error, now time.Time) {
	failed := w.names.hosts[host].tries
	for _, id := range w.names.land(host, found, err, now) {
		next := *w.picture.apps[id]
		next.facts.Addrs = w.names.addrs(id)
		w.picture.apps[id] = &next
		w.changed[id] = true
	}
	switch {
	case err != nil && failed == 0:
		w.log.Warn("an agent's name does not resolve; its last known address stays in use, if there is one",
			zap.String("host", host), zap.Error(err))
	case err == nil && failed > 0:
		w.log.Info("an agent's name resolves again", zap.String("host", host), zap.Int("failures", failed))
	}
}

// haveApp applies the read of one app.
func (w *Watcher) haveApp(id string, number uint64, app App, err error, now time.Time) {
	gone := errors.Is(err, ErrAppGone)
	w.agenda.finish(id, err == nil || gone, now)
	if err == nil || gone {
		w.grumble.well(w.log, "reading an app")
	}
	switch {
	case gone:
		if h := w.picture.apps[id]; h == nil || h.read < number {
			w.drop(id, number, now)
		}
	case err != nil:
		w.grumble.say(w.log, now, "reading an app", err, zap.String("app", id))
	case !w.picture.fresh(&app, number, now):
		w.agenda.wantLater(id, now.Add(versionDoubt))
	default:
		h, again := w.picture.draft(app, number, now)
		w.put(h, again, now)
	}
}

// put makes an app part of the picture, and drop takes one out.
func (w *Watcher) put(h *held, again, now time.Time) {
	id := h.app.ID
	w.names.use(id, h.app.hostNames(), now)
	h.facts.Addrs = w.names.addrs(id)
	w.picture.put(h)
	w.changed[id] = true
	w.agenda.wantLater(id, again)
}

func (w *Watcher) drop(id string, read uint64, now time.Time) {
	w.names.use(id, nil, now)
	w.picture.drop(id, read, now)
	w.changed[id] = true
}

// haveAll applies the read of all apps, unless it is a collapse.
func (w *Watcher) haveAll(number uint64, list List, err error, now time.Time) {
	w.full.number = 0
	w.mu.Lock()
	w.status.ReadErr = err
	w.mu.Unlock()
	if err != nil {
		w.full.tries++
		w.full.due = now.Add(jitter(retryAfter(w.full.tries)))
		w.grumble.say(w.log, now, "reading all apps", err)
		return
	}
	w.full.tries = 0
	w.grumble.well(w.log, "reading all apps")
	drafts, agains := w.drafts(number, list, now)
	if w.synced {
		l := w.weigh(drafts, list, number)
		if w.restored { // much may have changed since it was saved; but that nothing is left is as unlikely as ever
			l.serversBefore = 0
		}
		was := w.guard.status.Active
		if !w.guard.admit(l, now) {
			w.full.due = w.guard.again(now)
			w.log.Error("a sudden collapse of Marathon's apps is held back; they are read again",
				zap.Stringer("would_go", l), zap.String("endpoint", list.Endpoint), zap.Time("since", w.guard.status.Since))
			return
		}
		if was {
			w.log.Warn("the collapse held back is over", zap.Bool("believed", l.collapse()), zap.Stringer("goes", l))
		}
	}
	w.replace(number, list, drafts, agains, now)
}

// drafts are the list's apps as they would stand in the picture, without those it knows better.
func (w *Watcher) drafts(number uint64, list List, now time.Time) (map[string]*held, map[string]time.Time) {
	drafts := make(map[string]*held, len(list.Apps))
	agains := map[string]time.Time{}
	for _, app := range list.Apps {
		if !w.picture.fresh(&app, number, now) {
			if h := w.picture.apps[app.ID]; h != nil {
				drafts[app.ID] = h
			}
			continue
		}
		drafts[app.ID], agains[app.ID] = w.picture.draft(app, number, now)
	}
	return drafts, agains
}

// keeps says that an app which a list lacks stays all the same: it was read later, or it could not be read, with all pods or alone.
func (w *Watcher) keeps(id string, list List, number uint64) bool {
	h := w.picture.apps[id]
	return h.read > number || h.app.Pod && list.Pods != nil || slices.ContainsFunc(list.Bad, func(b AppError) bool { return b.ID == id })
}

func (w *Watcher) replace(number uint64, list List, drafts map[string]*held, agains map[string]time.Time, now time.Time) {
	for _, bad := range list.Bad {
		w.log.Warn("an app of Marathon's cannot be read and stays as it was", zap.String("app", bad.ID), zap.Error(bad.Err))
	}
	for id := range w.picture.apps {
		if drafts[id] == nil && !w.keeps(id, list, number) {
			w.drop(id, number, now)
		}
	}
	for id, h := range drafts {
		if w.picture.apps[id] != h {
			w.put(h, agains[id], now)
		} else if h.older != (time.Time{}) {
			w.agenda.wantLater(id, now.Add(versionDoubt))
		}
	}
	w.settle(number, list, now)
}

// settle notes that a full read was applied and says when the next one is due.
func (w *Watcher) settle(number uint64, list List, now time.Time) {
	if !w.synced || w.restored {
		w.log.Info("Marathon was read for the first time", zap.String("endpoint", list.Endpoint), zap.Int("apps", len(list.Apps)))
	}
	w.synced, w.restored, w.confirmed = true, false, list.Sent
	w.agenda.covered(number)
	w.picture.forget(number, now)
	for id, event := range w.stopping {
		if event < number {
			delete(w.stopping, id)
		}
	}
	for id, since := range w.deploys {
		if now.Sub(since) > finalFor {
			delete(w.deploys, id)
		}
	}
	w.full.due = now.Add(w.interval())
	if list.Pods != nil {
		w.grumble.say(w.log, now, "reading pods", list.Pods)
	} else {
		w.grumble.well(w.log, "reading pods")
	}
	if w.full.wish > number {
		w.full.due = later(now, w.full.sent.Add(fullReadGap))
	}
	w.mu.Lock()
	w.status.Source, w.status.BadApps = list.Source, list.Bad
	w.mu.Unlock()
}
