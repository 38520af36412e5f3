package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"marathon-lb/internal/testkit"
)

// victim is the program as a process of its own, in front of servers that cost next to nothing.
type victim struct {
	*process
	port  int // of the app that is well
	slow  int // of the app that never answers
	hosts int // where requests are routed by host
	stats string
}

// newVictim starts it. It has to have served before it is measured. variables are more of its environment, flags of its command line.
func newVictim(t *testing.T, variables []string, flags ...string) *victim {
	t.Helper()
	return newVictimOf(t, leanServer(t), variables, flags...)
}

// newVictimOf starts it in front of a server of the test's own.
func newVictimOf(t *testing.T, well string, variables []string, flags ...string) *victim {
	t.Helper()
	v := &victim{port: freePort(t), slow: freePort(t), hosts: freePort(t), stats: loopback(freePort(t))}
	slow := silentServer(t)
	marathon := staticMarathon(t, staticApp("/well", v.port, well, "well.test"), staticApp("/slow", v.slow, slow, "slow.test"))
	v.process = newProcess(t, append([]string{
		"sse", "--marathon", marathon, "--group", "external", "--service-addr", "127.0.0.1", "--stats-bind", v.stats,
		"--http-bind", loopback(v.hosts), "--https-bind", loopback(freePort(t)), "--appid-bind", loopback(freePort(t)), "--drain-timeout", "1s", "--access-log", "off",
	}, flags...)...)
	v.cmd.Env = append(v.cmd.Env, variables...)
	v.start()
	v.stats = "http://" + v.stats
	eventually(t, "the app is served", func() bool { status, _ := get("http://" + loopback(v.port) + "/"); return status == 200 })
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	return v
}

// resident is the memory that the process has, in bytes.
func (v *victim) resident() int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", v.cmd.Process.Pid))
	_, text, _ = bytes.Cut(text, []byte("VmRSS:"))
	kb, _ := strconv.ParseInt(string(bytes.Fields(text)[0]), 10, 64)
	return kb << 10
}

// files is how many descriptors it has open.
func (v *victim) files() int {
	all, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", v.cmd.Process.Pid))
	return len(all)
}

// clients is how many connections clients have.
func (v *victim) clients() int { return int(v.metric("haproxy_frontend_current_sessions", "")) }

// cpu is the processor time it has used so far. The kernel counts it thread by thread; those of Go do not end.
func (v *victim) cpu() (sum time.Duration) {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", v.cmd.Process.Pid))
	for _, name := range threads {
		var ns int64
		text, _ := os.ReadFile(name)
		fmt.Sscan(string(text), &ns)
		sum += time.Duration(ns)
	}
	return sum
}

// metric is the sum of a metric's series whose labels match a pattern.
func (v *victim) metric(name, labels string) float64 {
	status, text := get(v.stats + "/metrics")
	if status != 200 {
		return -1
	}
	sum := 0.0
	for _, m := range regexp.MustCompile(`(?m)^`+name+`(\{[^}]*\})? (\S+)$`).FindAllStringSubmatch(text, -1) {
		if ok, _ := regexp.MatchString(labels, m[1]); ok {
			n, _ := strconv.ParseFloat(m[2], 64)
			sum += n
		}
	}
	return sum
}

// series is how many the process shows.
func (v *victim) series() int {
	_, text := get(v.stats + "/metrics")
	return strings.Count(text, "\n") - strings.Count(text, "\n#")
}

// leanServer answers /64k and /1m with as much, /after with its body's length once it has it, and anything else with two bytes.
func leanServer(t *testing.T) string {
	answer := func(n int) []byte {
		return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", n, strings.Repeat("x", n))
	}
	small, kb64, mb := answer(2), answer(64<<10), answer(1<<20)
	return leanly(t, func(c net.Conn, in *bufio.Reader) bool {
		line, body, ok := leanHead(in)
		if !ok {
			return false
		}
		if _, err := io.CopyN(io.Discard, in, body); err != nil {
			return false
		}
		out := small
		switch line {
		case 'b':
			out = kb64
		case 'm':
			out = mb
		}
		_, err := c.Write(out)
		return err == nil
	})
}

// silentServer reads and never answers.
func silentServer(t *testing.T) string {
	return leanly(t, func(c net.Conn, in *bufio.Reader) bool { io.Copy(io.Discard, in); return false })
}

// leanly serves connections, a goroutine each, for as long as serve says true.
func leanly(t *testing.T, serve func(c net.Conn, in *bufio.Reader) bool) string {
	return testkit.Serve(t, func(c net.Conn) {
		for in := bufio.NewReader(c); serve(c, in); {
		}
	}).String()
}

// leanHead reads a request's head: what its path begins with, and how long its body is.
func leanHead(in *bufio.Reader) (path byte, body int64, ok bool) {
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		switch {
		case err != nil:
			return 0, 0, false
		case first:
			if i := bytes.IndexByte(line, '/'); i >= 0 {
				path = line[i+1]
			}
		case len(line) == 2:
			return path, body, true
		case len(line) > 16 && (line[0]|32) == 'c' && bytes.EqualFold(line[:15], []byte("Content-Length:")):
			body, _ = strconv.ParseInt(string(bytes.TrimSpace(line[15:])), 10, 64)
		}
	}
}

// staticMarathon serves as much of Marathon's API as the program reads, about apps that never change and whose servers are ours; those of
// marathontest are its own. It says its URL.
func staticMarathon(t *testing.T, apps ...map[string]any) string {
	reply := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(v)
	}
	ended := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v2/info", func(w http.ResponseWriter, r *http.Request) {
		reply(w, map[string]any{"name": "marathon", "version": "1.9.109", "leader": r.Host})
	})
	mux.HandleFunc("GET /v2/apps", func(w http.ResponseWriter, r *http.Request) { reply(w, map[string]any{"apps": apps}) })
	mux.HandleFunc("GET /v2/pods::status", func(w http.ResponseWriter, r *http.Request) { reply(w, []any{}) })
	mux.HandleFunc("GET /v2/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "event: event_stream_attached\r\ndata: {\"eventType\":\"event_stream_attached\"}\r\n\r\n")
		beat := time.NewTicker(10 * time.Second)
		defer beat.Stop()
		for {
			http.NewResponseController(w).Flush()
			select {
			case <-beat.C:
				io.WriteString(w, "\r\n")
			case <-r.Context().Done():
				return
			case <-ended:
				return
			}
		}
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(ended) })
	return s.URL
}

// staticApp is an app of Marathon 1.9 in host mode with one task.
func staticApp(id string, servicePort int, server, host string) map[string]any {
	const version = "2026-11-01T09:15:00.000Z"
	ip, port, _ := net.SplitHostPort(server)
	n, _ := strconv.Atoi(port)
	instance := strings.Trim(id, "/") + ".instance-0c0f1c52-0000-11ee-8000-000000000001"
	return map[string]any{
		"id": id, "cmd": "serve", "instances": 1, "version": version, "networks": []map[string]string{{"mode": "host"}},
		"labels":          map[string]string{"HAPROXY_GROUP": "external", "HAPROXY_0_MODE": "http", "HAPROXY_0_VHOST": host},
		"portDefinitions": []map[string]any{{"port": servicePort, "protocol": "tcp"}},
		"tasks": []map[string]any{{
			"id": instance + "._app.1", "appId": id, "host": ip, "ports": []int{n}, "servicePorts": []int{servicePort}, "state": "TASK_RUNNING",
			"slaveId": "0c0f1c52-0000-11ee-8000-000000000000-S0", "version": version, "stagedAt": version, "startedAt": version,
		}},
		"tasksRunning": 1, "versionInfo": map[string]string{"lastScalingAt": version, "lastConfigChangeAt": version},
	}
}
