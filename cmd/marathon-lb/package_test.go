package main

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"marathon-lb/marathon/marathontest"
)

// The arguments and the environment that the DC/OS package gives Marathon-LB's container (marathon-lb.md 1.4, 8.1, 8.2), as they are.
// Only the ports are others, by variables of ours: the machine of a test may have something on :80.
func TestTheDCOSPackageStartsItUnchanged(t *testing.T) {
	sim := marathontest.New(marathontest.Options{Credentials: "bob:secret"})
	if err := sim.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	port := freePort(t)
	create(t, sim, app("/web", port, 1, vhost, "web.test"))
	byHost, byTLS, byApp, stats := loopback(freePort(t)), loopback(freePort(t)), loopback(freePort(t)), loopback(freePort(t))
	p := newProcess(t, "sse", "-m", sim.URL(), "--health-check", "--haproxy-map", "--max-reload-retries", "10", "--reload-interval", "10",
		"--group", "external")
	p.cmd.Env = append(p.cmd.Env,
		"PORTS=80,443,9090,9091,10000", "PORT0=80", "HAPROXY_SSL_CERT=", "HAPROXY_SYSLOGD=false",
		"HAPROXY_SYSCTL_PARAMS=net.ipv4.tcp_tw_reuse=1 net.ipv4.tcp_fin_timeout=30 net.ipv4.tcp_max_syn_backlog=10240 net.core.somaxconn=10000",
		"HAPROXY_GLOBAL_DEFAULT_OPTIONS=redispatch,http-server-close,dontlognull",
		"MARATHON_USER=bob", "MARATHON_PASSWORD=secret", "MESOS_SANDBOX="+t.TempDir(), "FRAMEWORK_NAME=marathon-lb",
		"MARATHON_LB_HTTP_BIND="+byHost, "MARATHON_LB_HTTPS_BIND="+byTLS, "MARATHON_LB_APPID_BIND="+byApp, "MARATHON_LB_STATS_BIND="+stats)
	p.start()
	eventually(t, "the app is served by host", func() bool { status, _ := get("http://"+byHost, "Host", "web.test"); return status == 200 })
	for what, status := range map[string]func() int{
		"by app id":         func() int { s, _ := get("http://"+byApp, "X-Marathon-App-Id", "/web"); return s },
		"service port":      func() int { s, _ := get("http://" + loopback(port)); return s },
		"health check":      func() int { s, _ := get("http://" + stats + "/_haproxy_health_check"); return s },
		"statistics":        func() int { s, _ := get("http://" + stats + "/haproxy?stats;csv"); return s },
		"Prometheus":        func() int { s, _ := get("http://" + stats + "/metrics"); return s },
		"reload, so to say": func() int { s, _ := get("http://" + stats + "/_mlb_signal/hup"); return s },
	} {
		if got := status(); got != 200 {
			t.Errorf("%s: %d", what, got)
		}
	}
	if body, _ := secureGet(byTLS, "web.test"); !strings.Contains(body, "/web,") {
		t.Errorf("over TLS: %q", body)
	}
	if _, text := get("http://" + stats + "/_haproxy_getvhostmap"); text != fmt.Sprintf("web.test web_%d\n", port) {
		t.Errorf("the map of hosts: %q", text)
	}
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d\n%s", code, p.err.String())
	}
	if log := p.err.String(); strings.Contains(log, `"level":"warn"`) || strings.Contains(log, `"level":"error"`) {
		t.Errorf("it warns:\n%s", log)
	}
}
