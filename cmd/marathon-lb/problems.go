package main

import (
	"context"
	"time"

	"go.uber.org/zap"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

// teller writes problems into the log, each once when it comes and once when it goes.
type teller struct {
	log      *zap.Logger
	problems func() []route.Problem
	news     chan struct{}          // something may have changed
	told     map[route.Problem]bool // and not gone since
	guarded  map[string]bool        // backends whose AUTH was spoken of
}

// Pauses of the teller: what comes and goes within the shorter one is not spoken of; a look each longer one finds what no change
// of Marathon tells, such as a port that was opened after all.
const (
	tellSoon  = 200 * time.Millisecond
	tellEvery = 5 * time.Second
)

func newTeller(log *zap.Logger, problems func() []route.Problem) *teller {
	return &teller{log: log, problems: problems, news: make(chan struct{}, 1), told: map[route.Problem]bool{}, guarded: map[string]bool{}}
}

// look has the teller look at the problems soon.
func (t *teller) look() {
	select {
	case t.news <- struct{}{}:
	default:
	}
}

// Run tells until ctx ends.
func (t *teller) Run(ctx context.Context) error {
	t.look()
	every := time.NewTicker(tellEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
		case <-t.news:
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(tellSoon):
			}
		}
		t.tell()
	}
}

func (t *teller) tell() {
	now := map[route.Problem]bool{}
	for _, p := range t.problems() {
		now[p] = true
		if !t.told[p] {
			t.log.Warn("problem", fields(p)...)
		}
	}
	for p := range t.told {
		if !now[p] {
			t.log.Info("problem gone", fields(p)...)
		}
	}
	t.told = now
}

func fields(p route.Problem) []zap.Field {
	return []zap.Field{zap.String("app", p.App), zap.String("label", p.Label), zap.String("value", p.Value),
		zap.String("reason", p.Reason), zap.String("remedy", p.Remedy)}
}

// guards says once of each service with a password that it guards more than it did in Marathon-LB: the one difference that can
// surprise on the day of the swap (D-ROUTE-8).
func (t *teller) guards(c route.Change, scope proxy.AuthScope) {
	if scope == proxy.AuthVHost {
		return
	}
	for _, k := range c.SetBackends {
		if k.Auth != nil && !k.Closed && !t.guarded[k.Name] {
			t.guarded[k.Name] = true
			t.log.Info("AUTH guards the service port and app id of the service too; --auth-scope=vhost guards its hosts only",
				zap.String("app", k.App), zap.Int("port", k.Port))
		}
	}
}
