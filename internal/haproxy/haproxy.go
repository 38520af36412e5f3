// Package haproxy writes what is served as the configuration of HAProxy 2.6 and later: what operators know how to read, and their way
// out. Config is a pure function. Its text means what the proxy does, so that a request meets the same answer, backend and head on
// either side; what HAProxy cannot do is a comment there and a row of docs/differences.md (D-CONFIG).
//
// Read in this order: haproxy.go (the whole), settings.go (what holds for all), frontend.go (which rule wins), backend.go and server.go
// (what the winner's service does), rewrite.go, words.go (quoting).
package haproxy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"marathon-lb/internal/route"
)

// Options is what the text depends on beside the table.
type Options struct {
	Version      string         // of this program
	Stats        netip.AddrPort // of the listener of statistics; none if its port is 0
	Certs        []Cert         // for listeners with TLS that name none
	TLSMin       string         // 1.0 to 1.3
	Trusted      []netip.Prefix // proxies whose X-Forwarded-Proto is believed
	AuthByHost   bool           // passwords are asked for on :80 and :443 only
	ServerClose  bool           // a connection to the server for each request
	DrainTimeout time.Duration  // 0 for no limit
	MaxConn      int            // client connections at a time, 0 for what HAProxy finds itself
	ErrorFiles   []route.ErrorFile
	Hashes       bool // print the hashes of passwords; without them nobody gets in
}

// Cert is a PEM file, or what stands for one.
type Cert struct {
	Path     string
	Variable string // of the environment whose text is to be put there; empty for a file
}

// Config is the configuration that serves a spec.
func Config(s route.Spec, o Options) string {
	w := &writer{o: o, spec: s, names: properNames(s)}
	w.settings()
	for _, l := range s.Listeners {
		w.frontend(l)
	}
	for i := range s.Backends {
		w.backend(&s.Backends[i])
	}
	return w.String()
}

// writer is a configuration as far as it is written.
type writer struct {
	strings.Builder
	o     Options
	spec  route.Spec
	names map[string]string // of backends, as HAProxy takes them
	rules []route.Ranked    // all, the first that matches wins; made when they are needed
}

// section begins one, with a comment that says what it is for.
func (w *writer) section(comment, format string, args ...any) {
	w.WriteByte('\n')
	w.comment(comment)
	fmt.Fprintf(w, format+"\n", args...)
}

// line is one line of a section.
func (w *writer) line(format string, args ...any) { fmt.Fprintf(w, "  "+format+"\n", args...) }

// note is a comment inside a section.
func (w *writer) note(format string, args ...any) {
	w.WriteString("  ")
	w.comment(fmt.Sprintf(format, args...))
}

// comment is a line that HAProxy does not read, whatever the text.
func (w *writer) comment(text string) {
	if text == "" {
		return
	}
	fmt.Fprintf(w, "# %s\n", strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return '?'
		}
		return c
	}, text))
}

// properNames are those of backends with "_" for what a name of HAProxy's cannot hold, each once.
func properNames(s route.Spec) map[string]string {
	names, taken := map[string]string{}, map[string]bool{}
	for _, k := range s.Backends {
		if name := properName(k.Name); name == k.Name {
			names[name], taken[name] = name, true
		}
	}
	for _, k := range s.Backends {
		if names[k.Name] != "" {
			continue
		}
		name := properName(k.Name)
		for taken[name] {
			name += "_"
		}
		names[k.Name], taken[name] = name, true
	}
	return names
}

func properName(name string) string {
	return strings.Map(func(c rune) rune {
		if c == '-' || c == '_' || c == '.' || c == ':' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
			return c
		}
		return '_'
	}, name)
}

// mostWords bounds the patterns in a line: HAProxy takes 64 words. Lines of one ACL add up.
const mostWords = 48

// acl is a named condition that holds if one of the patterns does.
func (w *writer) acl(name, fetch string, patterns []string) {
	for part := range slices.Chunk(patterns, mostWords) {
		w.line("acl %s %s %s", name, fetch, strings.Join(part, " "))
	}
}

func networks(of []netip.Prefix) []string {
	var words []string
	for _, n := range of {
		words = append(words, n.String())
	}
	return words
}
