//go:build linux

package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// The two HAProxys differ in four lines. Marathon-LB's template writes the second kind.
const (
	tunedDefaults = `  no log
  timeout http-keep-alive 60s
  option http-keep-alive
  http-reuse always
`
	marathonLBDefaults = `  log global
  timeout http-keep-alive 1s
  option http-server-close
`
)

// haproxyConfig has placeholders in capitals. What does not bear on speed is as Marathon-LB writes it.
const haproxyConfig = `global
  maxconn MAXCONN
  nbthread 1
  spread-checks 5
  max-spread-checks 15000
LOG
defaults
  retries 3
  backlog 10000
  maxconn MAXCONN
  timeout connect 3s
  timeout client 30s
  timeout server 30s
  timeout tunnel 3600s
  timeout http-request 15s
  timeout queue 30s
  timeout tarpit 60s
  option dontlognull
  option redispatch
DEFAULTS
frontend app_HTTP
  bind 127.0.0.1:HTTP
  mode http
  use_backend app_HTTP
backend app_HTTP
  balance roundrobin
  mode http
  option forwardfor
  http-request set-header X-Forwarded-Port %[dst_port]
  http-request add-header X-Forwarded-Proto https if { ssl_fc }
HTTPSERVERS
frontend app_TCP
  bind 127.0.0.1:TCP
  mode tcp
  use_backend app_TCP
backend app_TCP
  balance roundrobin
  mode tcp
TCPSERVERS
`

// haproxy starts a HAProxy, tuned or as Marathon-LB would have it.
func (b *bench) haproxy(ctx context.Context, tuned bool) (*contender, error) {
	c := &contender{name: tunedName, short: "haproxy", http: b.port(), tcp: b.port()}
	log, defaults := "", tunedDefaults
	if !tuned {
		c.name, c.short = defaultsName, "mlb-haproxy"
		nobody := b.port() // Marathon-LB has it log to a syslog on loopback
		log, defaults = fmt.Sprintf("  log %v local0\n  log %v local1 notice\n", nobody, nobody), marathonLBDefaults
	}
	text := strings.NewReplacer("MAXCONN", fmt.Sprint(b.clients()), "LOG\n", log, "DEFAULTS\n", defaults,
		"HTTPSERVERS\n", haproxyServers(b.httpServers), "TCPSERVERS\n", haproxyServers(b.tcpServers),
		"HTTP", fmt.Sprint(c.http.Port()), "TCP", fmt.Sprint(c.tcp.Port())).Replace(haproxyConfig)
	file := filepath.Join(b.dir, c.short+".cfg")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	var err error
	if c.child, err = b.spawn(b.tools["haproxy"], "-db", "-f", file); err != nil {
		return nil, err
	}
	c.pids = []int{c.child.cmd.Process.Pid}
	return c, c.serves(ctx)
}

func haproxyServers(at []netip.AddrPort) string {
	var s strings.Builder
	for i, a := range at {
		fmt.Fprintf(&s, "  server s%d %v\n", i+1, a)
	}
	return s.String()
}
