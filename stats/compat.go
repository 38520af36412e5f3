package stats

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"marathon-lb/internal/route"
)

// Pages of HAProxy that clients compare byte by byte (samples: http-exchanges).
const (
	page200 = "<html><body><h1>200 OK</h1>\nService ready.\n</body></html>\n"
	page400 = "<html><body><h1>400 Bad request</h1>\nYour browser sent an invalid request.\n</body></html>\n"
	page503 = "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n"
)

func sendPage(w http.ResponseWriter, code int, page string) {
	h := w.Header()
	h.Set("Content-Length", strconv.Itoa(len(page)))
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Type", "text/html")
	w.WriteHeader(code)
	io.WriteString(w, page)
}

func sendText(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(code)
	io.WriteString(w, text)
}

// unmatched answers what nothing else on the port does, as HAProxy's proxy "stats", which has no server.
func unmatched(w http.ResponseWriter, _ *http.Request) {
	if cw, ok := w.(*codeWriter); ok {
		cw.missed = true
	}
	sendPage(w, http.StatusServiceUnavailable, page503)
}

// healthCheck is HAProxy's monitor-uri. Here it tells the truth about serving: 503 until there is a table, and when the process
// leaves.
func (s *Server) healthCheck(w http.ResponseWriter, _ *http.Request) {
	if !s.src.Ready() {
		sendPage(w, http.StatusServiceUnavailable, page503)
		return
	}
	sendPage(w, http.StatusOK, page200)
}

// getPIDs is what `pidof haproxy` prints. There is one process and it never reloads, so zdd.py never has to wait.
func getPIDs(w http.ResponseWriter, _ *http.Request) {
	sendText(w, http.StatusOK, strconv.Itoa(os.Getpid()))
}

// getConfig is what is served, as a configuration of HAProxy, without the hashes of passwords: anybody may ask.
func (s *Server) getConfig(w http.ResponseWriter, _ *http.Request) {
	sendText(w, http.StatusOK, s.src.HAProxy())
}

// vhostMap is the table that map mode had for :80 and :443: a line for each host of services without PATH and AUTH that let
// anybody in.
func (s *Server) vhostMap(w http.ResponseWriter, _ *http.Request) {
	s.sendMap(w, func(k *route.BackendSpec, r route.Rule) string {
		if r.Path != "" || k.Auth != nil || k.Closed {
			return ""
		}
		return r.Host
	})
}

// appMap is that for :9091.
func (s *Server) appMap(w http.ResponseWriter, _ *http.Request) {
	s.sendMap(w, func(_ *route.BackendSpec, r route.Rule) string { return r.AppID })
}

// sendMap sends "KEY BACKEND" for each rule that has a key; nothing without --haproxy-map, as Marathon-LB did.
func (s *Server) sendMap(w http.ResponseWriter, key func(*route.BackendSpec, route.Rule) string) {
	var lines strings.Builder
	if s.opt.Maps {
		for _, b := range s.src.Table().Backends() {
			for _, r := range b.Spec.Rules {
				if k := key(&b.Spec, r); k != "" {
					fmt.Fprintln(&lines, k, b.Spec.Name)
				}
			}
		}
	}
	sendText(w, http.StatusOK, lines.String())
}

// signalHUP makes Marathon be read in full now.
func (s *Server) signalHUP(w http.ResponseWriter, _ *http.Request) {
	s.src.Resync()
	sendText(w, http.StatusOK, "Sent SIGHUP signal to marathon-lb")
}

// signalUSR1 made Marathon-LB load its last configuration again. Here what was built is always what is served: nothing is left to do.
func signalUSR1(w http.ResponseWriter, _ *http.Request) {
	sendText(w, http.StatusOK, "Sent SIGUSR1 signal to marathon-lb")
}
