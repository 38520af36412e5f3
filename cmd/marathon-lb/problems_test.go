package main

import (
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

func TestAClosedServiceIsNotSaidToAskForAPasswordAtItsPort(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	tell := newTeller(zap.New(core), func() []route.Problem { return nil })
	tell.guards(route.Change{SetBackends: []route.BackendSpec{
		{Name: "open", App: "/open", Auth: &route.Auth{}}, {Name: "closed", App: "/closed", Auth: &route.Auth{}, Closed: true},
	}}, proxy.AuthAll)
	if said := logs.All(); len(said) != 1 || said[0].ContextMap()["app"] != "/open" {
		t.Errorf("got %v", said)
	}
}
