package marathon

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"
)

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

func TestANameIsLookedUpAgainAndKeepsItsLastGoodAddress(t *testing.T) {
	n := newNames()
	n.use("/a", []string{"x"}, t0)
	n.use("/b", []string{"x"}, t0)
	if got := n.take(t0); !slices.Equal(got, []string{"x"}) || n.take(t0) != nil {
		t.Fatalf("to look up: %v", got)
	}
	apps := n.land("x", []netip.Addr{addr("fd00::1"), addr("10.0.0.2"), addr("10.0.0.1")}, nil, t0)
	if slices.Sort(apps); !slices.Equal(apps, []string{"/a", "/b"}) || n.addrs("/a")["x"] != addr("10.0.0.1") {
		t.Errorf("apps %v, addresses %v", apps, n.addrs("/a"))
	}
	again := n.next()
	if d := again.Sub(t0); d < namesFresh/2 || d > namesFresh {
		t.Errorf("looked up again after %v", d)
	}
	n.take(again)
	if apps := n.land("x", []netip.Addr{addr("10.0.0.2"), addr("10.0.0.1")}, nil, again); apps != nil {
		t.Errorf("another order is a change: %v", apps)
	}
	failures, now := 0, n.next()
	for range 12 {
		n.take(now)
		failures++
		if n.land("x", nil, errors.New("no such host"), now) != nil || n.addrs("/a")["x"] != addr("10.0.0.1") {
			t.Fatal("a failure loses the address")
		}
		if pause := n.next().Sub(now); pause < 100*time.Millisecond || pause > longestRetry {
			t.Errorf("pause %v after %d failures", pause, failures)
		}
		now = n.next()
	}
	n.take(now)
	if apps := n.land("x", []netip.Addr{addr("10.0.0.9")}, nil, now); len(apps) != 2 || n.addrs("/b")["x"] != addr("10.0.0.9") {
		t.Errorf("a new address: %v", apps)
	}
	n.use("/a", nil, now)
	n.use("/b", []string{"y"}, now)
	if len(n.hosts) != 1 || len(n.users) != 1 {
		t.Errorf("unused names are kept: %v %v", n.hosts, n.users)
	}
}

func TestNoMoreThanSixteenLookupsAtATime(t *testing.T) {
	n := newNames()
	var hosts []string
	for i := range 40 {
		hosts = append(hosts, fmt.Sprintf("h%02d", i))
	}
	n.use("/a", hosts, t0)
	first := n.take(t0)
	if len(first) != mostLookups || n.take(t0) != nil || !n.next().IsZero() {
		t.Errorf("%d look-ups, next %v", len(first), n.next())
	}
	n.use("/a", nil, t0)
	if n.land(first[0], []netip.Addr{addr("10.0.0.1")}, nil, t0) != nil || len(n.hosts) != mostLookups-1 {
		t.Errorf("%d names are kept for nobody", len(n.hosts))
	}
}
