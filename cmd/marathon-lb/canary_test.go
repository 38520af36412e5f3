package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"marathon-lb/marathon/marathontest"
)

func TestTwoAppsShareAHostAsACanaryGroup(t *testing.T) {
	r := newRig(t, marathontest.Options{Handler: tell})
	const canary, weight = "HAPROXY_0_CANARY", "HAPROXY_0_CANARY_WEIGHT"
	for _, c := range []struct {
		host     string
		old, new []string // labels
		least    int      // of twenty new clients come to the new app
		most     int
		problem  string // label of the new app
	}{
		{"instances", []string{canary, "web"}, []string{canary, "web"}, 9, 11, ""},
		{"weight", []string{canary, "web"}, []string{canary, "web", weight, "20"}, 3, 5, ""},
		{"badweight", []string{canary, "web"}, []string{canary, "web", weight, "few"}, 9, 11, weight},
		{"badgroup", []string{canary, "web"}, []string{canary, "a group"}, 0, 0, canary},
		{"alone", nil, []string{canary, "web"}, 0, 0, vhost},
		{"nogroup", nil, []string{weight, "20"}, 0, 0, weight},
	} {
		host := c.host + ".test"
		create(t, r.sim,
			app("/"+c.host+"-1", freePort(t), 1, append(c.old, vhost, host)...), app("/"+c.host+"-2", freePort(t), 1, append(c.new, vhost, host)...))
		for _, id := range []string{"/" + c.host + "-1", "/" + c.host + "-2"} {
			eventually(t, id+" is served", func() bool {
				resp, err := once(r.appID, "X-Marathon-App-Id", id)
				return show(resp, err) == "200"
			})
		}
		fresh, pin := 0, ""
		for range 20 {
			resp, err := once(r.http, "Host", host)
			if err != nil {
				t.Fatal(err)
			}
			set := resp.Header.Get("Set-Cookie")
			if strings.Contains(show(resp, nil, "task="), "task="+c.host+"-2") {
				fresh, pin = fresh+1, strings.SplitN(set, ";", 2)[0]
			}
		}
		if fresh < c.least || fresh > c.most {
			t.Errorf("%s: %d of 20 clients came to the new app, want %d to %d", c.host, fresh, c.least, c.most)
		}
		for range 5 {
			if pin == "" {
				break
			}
			if resp, err := once(r.http, "Host", host, "Cookie", pin); !strings.Contains(show(resp, err, "task="), "task="+c.host+"-2") {
				t.Errorf("%s: a client with %s came to the old app", c.host, pin)
			}
		}
		all := problems(t, r.stats)
		of := func(p struct{ App, Label, Value, Reason, Remedy string }) bool { return p.App == "/"+c.host+"-2" }
		named := slices.ContainsFunc(all, func(p struct{ App, Label, Value, Reason, Remedy string }) bool { return of(p) && p.Label == c.problem })
		if named != (c.problem != "") || !named && slices.ContainsFunc(all, of) {
			t.Errorf("%s: problems %s", c.host, fmt.Sprint(all))
		}
	}
}
