//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"
)

// contender is a proxy under test.
type contender struct {
	name  string
	short string // for lines of progress
	ours  bool
	http  netip.AddrPort
	tcp   netip.AddrPort // zero if it has no TCP mode
	stats string         // where metrics are; empty for none
	pids  []int          // that serve
	child *child
}

// Names that others are compared with.
const (
	tunedName    = "HAProxy, tuned"
	defaultsName = "HAProxy, Marathon-LB's defaults"
	nginxName    = "nginx"
)

// errEnded says that a process ended where it should serve.
var errEnded = errors.New("it ended")

// serves waits until a contender answers.
func (c *contender) serves(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
	for _, at := range []netip.AddrPort{c.http, c.tcp} {
		if !at.IsValid() {
			continue
		}
		for !ok(&client, "http://"+at.String()+"/128") {
			if words, gone := c.child.ended(); gone {
				return fmt.Errorf("%w: %s", errEnded, words)
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("it does not serve %v: %w", at, ctx.Err())
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	return nil
}

func ok(client *http.Client, url string) bool {
	r, err := client.Get(url)
	if err != nil {
		return false
	}
	r.Body.Close()
	return r.StatusCode == http.StatusOK
}
