//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// marathon serves as much of Marathon's API as marathon-lb reads, about two apps: one in HTTP mode at one service port, one in TCP
// mode at another. Their tasks are the backend, which marathon/marathontest's cannot be: those are servers of its own. Nothing ever
// changes. It says its URL.
func (b *bench) marathon(httpPort, tcpPort uint16) (string, error) {
	apps := []map[string]any{
		app("/bench/http", httpPort, b.httpServers, map[string]string{"HAPROXY_GROUP": "bench", "HAPROXY_0_MODE": "http"}),
		app("/bench/tcp", tcpPort, b.tcpServers, map[string]string{"HAPROXY_GROUP": "bench", "HAPROXY_0_MODE": "tcp"}),
	}
	l, err := net.Listen("tcp", netip.AddrPortFrom(loopback, 0).String())
	if err != nil {
		return "", fmt.Errorf("marathon: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v2/info", func(w http.ResponseWriter, r *http.Request) {
		reply(w, map[string]any{
			"name": "marathon", "version": "1.9.109", "leader": l.Addr().String(),
			"marathon_config": map[string]any{"features": []string{"task_killing"}},
		})
	})
	mux.HandleFunc("GET /v2/apps", func(w http.ResponseWriter, r *http.Request) { reply(w, map[string]any{"apps": apps}) })
	for _, a := range apps {
		mux.HandleFunc("GET /v2/apps"+a["id"].(string), func(w http.ResponseWriter, r *http.Request) { reply(w, map[string]any{"app": a}) })
	}
	mux.HandleFunc("GET /v2/pods::status", func(w http.ResponseWriter, r *http.Request) { reply(w, []any{}) })
	mux.HandleFunc("GET /v2/events", idleStream)
	server := &http.Server{Handler: mux}
	go server.Serve(l)
	b.cleanup = append(b.cleanup, func() { server.Close() })
	return "http://" + l.Addr().String(), nil
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

// idleStream is an event stream on which nothing happens but heartbeats.
func idleStream(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprintf(w, "event: event_stream_attached\r\ndata: {\"remoteAddress\":\"127.0.0.1\",\"eventType\":\"event_stream_attached\",\"timestamp\":%q}\r\n\r\n",
		time.Now().UTC().Format(stamp))
	for {
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-time.After(10 * time.Second):
			fmt.Fprint(w, "\r\n")
		}
	}
}

const stamp = "2006-01-02T15:04:05.000Z"

// app is an app of Marathon 1.9 in host mode, with a running task for each server.
func app(id string, servicePort uint16, servers []netip.AddrPort, labels map[string]string) map[string]any {
	const version = "2026-11-01T09:15:00.000Z"
	var tasks []map[string]any
	for i, s := range servers {
		instance := fmt.Sprintf("bench.instance-0c0f1c52-0000-11ee-8000-%012d", i+1)
		tasks = append(tasks, map[string]any{
			"id": instance + "._app.1", "appId": id, "host": s.Addr().String(), "ports": []uint16{s.Port()}, "servicePorts": []uint16{servicePort},
			"ipAddresses": []map[string]string{{"ipAddress": s.Addr().String(), "protocol": "IPv4"}},
			"state":       "TASK_RUNNING", "slaveId": "0c0f1c52-0000-11ee-8000-000000000000-S0", "version": version,
			"stagedAt": version, "startedAt": version, "localVolumes": []any{},
		})
	}
	return map[string]any{
		"id": id, "cmd": "serve", "instances": len(servers), "cpus": 1, "mem": 128, "version": version, "labels": labels,
		"networks":        []map[string]string{{"mode": "host"}},
		"portDefinitions": []map[string]any{{"port": servicePort, "protocol": "tcp", "name": "default"}},
		"requirePorts":    false, "healthChecks": []any{}, "readinessChecks": []any{}, "deployments": []any{}, "tasks": tasks,
		"tasksStaged": 0, "tasksRunning": len(servers), "tasksHealthy": 0, "tasksUnhealthy": 0,
		"versionInfo": map[string]string{"lastScalingAt": version, "lastConfigChangeAt": version},
	}
}
