package marathon

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Once reads all apps of a Marathon for a linker, which is to link them next, and follows nothing. What only time tells is not known: a task
// whose health results are missing was healthy or not. It returns what was read.
func (o Options) Once(ctx context.Context, client *Client, to Linker) (List, error) {
	list, err := client.Apps(ctx)
	if err != nil {
		return List{}, err
	}
	addrs := resolveAll(ctx, list.Apps)
	picture, now := newPicture(o.HealthCheck), time.Now()
	for _, app := range list.Apps {
		h, _ := picture.draft(app, picture.tick(), now)
		h.facts.Addrs = addrs
		to.Set(h.app, h.facts)
	}
	return list, nil
}

// resolveAll looks up the names of all agents. One that does not resolve is missing: the compiler says so.
func resolveAll(ctx context.Context, apps []App) map[string]netip.Addr {
	var hosts []string
	for i := range apps {
		hosts = append(hosts, apps[i].hostNames()...)
	}
	slices.Sort(hosts)
	addrs := map[string]netip.Addr{}
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(mostLookups)
	for _, host := range slices.Compact(hosts) {
		g.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
			defer cancel()
			if found, err := byDNS(ctx, host); err == nil && len(found) > 0 {
				mu.Lock()
				defer mu.Unlock()
				addrs[host] = choose(found, netip.Addr{})
			}
			return nil
		})
	}
	g.Wait()
	return addrs
}
