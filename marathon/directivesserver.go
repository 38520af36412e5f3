package marathon

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"marathon-lb/internal/hacfg"
	"marathon-lb/internal/route"
)

// serverWords is what templates say of each server.
type serverWords struct {
	read, check   bool // there was a line of a server; it has the word check
	port          int  // in the place of the task's, 0 for that
	addr          netip.Addr
	tls, verified bool
	drained       bool
	inter         time.Duration
	rise, fall    int
	checkPort     int
}

// serverLine carries out the line of a server: readers of the table of directives see it once for all servers.
func (r *reader) serverLine(words []string) error {
	if len(words) < 2 {
		return errors.New("a server has a name and an address")
	}
	host, port, ok := cutLast(words[1], ":")
	w := &r.server
	if ofTask := words[0] == anyName || host == anyHost || port == anyPort; !ofTask || w.read {
		r.lose(r.line.Text, fmt.Sprintf("%q would be a server beside the app's tasks; it is not added, for servers are tasks", words[0]),
			"remove it; a page for when there is no server is what errorfile 503 is for")
		return nil
	}
	w.read = true
	if ok && port != anyPort {
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 || n > 65535 {
			return fmt.Errorf("%q is no port; the task's is used", port)
		}
		w.port = n
	}
	if host != anyHost {
		addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
		if err != nil {
			return fmt.Errorf("%q is no IP address; the task's is used", host)
		}
		w.addr = addr.Unmap()
	}
	return r.serverOptions(words[2:])
}

// readServerOptions is for a template that is nothing but words of a server.
func (r *reader) readServerOptions(text string) {
	lines := hacfg.Read(text)
	r.server.check = true // the built-in template begins with the word
	for _, r.line = range lines {
		if r.line.Err != nil {
			r.lose(r.line.Text, r.line.Err.Error(), "correct the line")
			continue
		}
		if err := r.serverOptions(r.line.Words); err != nil {
			r.lose(r.line.Text, err.Error(), "correct the line, or remove it")
		}
	}
}

// serverOption is a word that may stand behind a server's address.
type serverOption struct {
	arguments int
	apply     func(w *serverWords, argument string) error
	note      string // why it is not carried out; empty without apply if nobody can miss it
}

func number(into func(*serverWords) *int, least, most int) func(*serverWords, string) error {
	return func(w *serverWords, text string) error {
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > most {
			return fmt.Errorf("%q is no number from %d to %d", text, least, most)
		}
		*into(w) = n
		return nil
	}
}

// serverOptionRows are those words, by what is made of them.
var serverOptionRows = map[string]serverOption{
	"check":    {apply: func(w *serverWords, _ string) error { w.check = true; return nil }},
	"no-check": {apply: func(w *serverWords, _ string) error { w.check = false; return nil }},
	"inter": {1, func(w *serverWords, text string) (err error) {
		w.inter, err = duration([]string{text})
		return err
	}, ""},
	"rise": {1, number(func(w *serverWords) *int { return &w.rise }, 1, 1<<20), ""},
	"fall": {1, number(func(w *serverWords) *int { return &w.fall }, 1, 1<<20), ""},
	"port": {1, number(func(w *serverWords) *int { return &w.checkPort }, 1, 65535), ""},
	"weight": {1, func(_ *serverWords, text string) error {
		if text == "0" {
			return errors.New("no server would be used")
		}
		return nil // servers of a service have the same one
	}, ""},
	"disabled": {apply: func(w *serverWords, _ string) error { w.drained = true; return nil }},
	"ssl":      {apply: func(w *serverWords, _ string) error { w.tls = true; return nil }},
	"verify": {1, func(w *serverWords, how string) error {
		if w.verified = how != "none"; w.verified {
			return errors.New("certificates of servers are not verified")
		}
		return nil
	}, ""},

	"backup": {}, "enabled": {}, "id": {arguments: 1}, "cookie": {arguments: 1}, "no-ssl": {}, "check-ssl": {}, "no-check-ssl": {}, "init-addr": {arguments: 1},
	"no-sslv3": {}, "no-tlsv10": {}, "no-tlsv11": {}, "force-tlsv12": {}, "ciphers": {arguments: 1, note: "Go's choice of suites is used"}, "sni": {1, nil, "no name is sent to servers"},
	"alpn": {1, nil, "HTTP/1.1 is spoken with servers"}, "fastinter": {1, nil, "the interval is always the same"}, "downinter": {1, nil, "the interval is always the same"},
	"maxconn": {1, nil, "a service has a bound, and its servers have none: see --backend-maxconn"}, "minconn": {1, nil, "a service has a bound, and its servers have none: see --backend-maxconn"}, "maxqueue": {1, nil, "a service has a line to wait in, and its servers have none: see --backend-maxconn"},
	"slowstart": {1, nil, "a server takes its share at once, unless HAPROXY_{n}_SLOWSTART is set"}, "observe": {1, nil, "a server that fails is always shunned for a while"},
	"error-limit": {1, nil, "a server that fails is always shunned for a while"}, "on-error": {1, nil, "a server that fails is always shunned for a while"},
	"on-marked-down": {1, nil, "what runs on a server that goes down may end"}, "on-marked-up": {1, nil, "what runs stays"},
	"send-proxy": {0, nil, "servers are not told of clients by a PROXY line, but by X-Forwarded-For"}, "send-proxy-v2": {0, nil, "servers are not told of clients by a PROXY line, but by X-Forwarded-For"},
	"track": {1, nil, "each server is probed itself"}, "resolvers": {1, nil, "addresses are Marathon's"}, "source": {1, nil, "the system chooses the address"},
}

func (r *reader) serverOptions(words []string) error {
	var lost []string
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		row, known := serverOptionRows[word]
		if len(words) < row.arguments {
			return fmt.Errorf("nothing stands behind %q", word)
		}
		argument := strings.Join(words[:row.arguments], " ")
		words = words[row.arguments:]
		switch {
		case !known:
			return fmt.Errorf("%q is no word of a server that is carried out; what follows it is not, either", word)
		case row.apply != nil:
			if err := row.apply(&r.server, argument); err != nil {
				return fmt.Errorf("%s: %w", word, err)
			}
		case row.note != "":
			lost = append(lost, word+": "+row.note)
		}
	}
	if len(lost) > 0 {
		return errors.New(strings.Join(lost, "; "))
	}
	return nil
}

// settle tells the service what was said of its servers.
func (w *serverWords) settle(s *service) {
	s.server = *w
	c := s.checkOf
	switch {
	case w.read && !w.check:
		s.checkOf = nil
		return
	case w.read && c == nil: // HAProxy's check without more
		c = &route.Check{Protocol: "TCP", Interval: 2 * time.Second, Timeout: 2 * time.Second, Rise: 2, Fall: 3}
	}
	if s.checkOf = c; c == nil {
		return
	}
	if w.inter != 0 {
		c.Interval = w.inter
	}
	if w.rise != 0 {
		c.Rise = w.rise
	}
	if w.fall != 0 {
		c.Fall = w.fall
	}
	if w.checkPort != 0 {
		c.Port = w.checkPort
	}
}

// place puts a server where the template says, under the name of its task.
func (w *serverWords) place(spec *route.ServerSpec) {
	addr, port := spec.Addr.Addr(), spec.Addr.Port()
	if w.addr.IsValid() {
		addr = w.addr
	}
	if w.port != 0 {
		port = uint16(w.port)
	}
	spec.Addr, spec.TLS = netip.AddrPortFrom(addr, port), w.tls
	if w.drained {
		spec.State = route.Draining
	}
}
