package differential_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"marathon-lb/internal/route"
)

// answer is what became of a question at one side.
type answer struct {
	Status  int
	Server  string   // that answered; empty if none did
	Backend string   // its backend
	Line    string   // as the server got it
	Head    []string // likewise, sorted by name
	Body    string   // likewise
	Fields  []string // of the answer, those that mean something, sorted
	Wrote   []string // those whose names end with a number, which the text of a test wrote
	Page    string   // the body of the answer
	Ended   string   // how it ended without an answer
}

// String is the answer without what may differ: which server of the backend it was.
func (a answer) String() string {
	a.Server = ""
	type plain answer
	return fmt.Sprintf("%+v", plain(a))
}

// meaningful are the fields of an answer that are compared.
var meaningful = []string{"Location", "Www-Authenticate", "Strict-Transport-Security", "Set-Cookie", "Cache-Control", "Keep-Alive", "X-It", "X-D", "Content-Encoding", "Content-Type", "Vary", "Etag"}

// noConnection is how an end begins that is none of the question.
const noConnection = "no connection: "

// put asks a side.
func (q question) put(side netip.Addr, servers map[string]server) answer {
	conn, err := q.dial(side)
	if err != nil {
		return answer{Ended: noConnection + err.Error()}
	}
	defer conn.Close()
	exchange := q.exchange
	if q.http2 {
		exchange = q.exchange2
	}
	resp, err := exchange(conn)
	if err != nil {
		return answer{Ended: "closed"}
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{Status: resp.StatusCode, Ended: "cut"}
	}
	if slices.Contains(resp.Header["Content-Encoding"], "gzip") { // the last, where a rule set one before
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return answer{Status: resp.StatusCode, Ended: "no gzip"}
		}
		if body, err = io.ReadAll(z); err != nil {
			return answer{Status: resp.StatusCode, Ended: "bad gzip"}
		}
	}
	return heard(resp, string(body), servers)
}

func heard(resp *http.Response, body string, servers map[string]server) answer {
	a := answer{Status: resp.StatusCode, Page: body}
	var s seen
	if text, err := strconv.Unquote(resp.Header.Get("X-Seen")); err == nil && json.Unmarshal([]byte(text), &s) == nil {
		a.Server, a.Backend, a.Line, a.Body = s.Server, servers[s.Server].backend, s.Line, s.Body
		for _, f := range s.Fields {
			a.Head = append(a.Head, strings.ToLower(f[0])+": "+f[1])
		}
		slices.SortStableFunc(a.Head, func(f, g string) int { return strings.Compare(fieldName(f), fieldName(g)) })
	}
	for name, values := range resp.Header {
		if numbered.MatchString(name) {
			a.Wrote = append(a.Wrote, name+": "+strings.Join(values, "|"))
		}
	}
	if a.Status == http.StatusNotModified { // D-DETAIL-59: Go's library tells no type then
		resp.Header.Del("Content-Type")
	}
	for _, name := range meaningful {
		for _, v := range resp.Header[name] {
			if name == "Set-Cookie" {
				v = cookie(v, servers[a.Server].cookie)
			}
			a.Fields = append(a.Fields, name+": "+v)
		}
	}
	return a
}

func fieldName(f string) string {
	name, _, _ := strings.Cut(f, ":")
	return name
}

// cookie is a Set-Cookie with its attributes in an order, and a word for the value if it is that of the server.
func cookie(text, its string) string {
	parts := strings.Split(strings.TrimSuffix(text, ";"), "; ") // HAProxy ends some so
	if its != "" {
		for _, name := range stickyNames {
			parts[0] = strings.Replace(parts[0], name+"="+its, name+"=(its)", 1)
		}
	}
	slices.Sort(parts[1:])
	return strings.Join(parts, "; ")
}

// server is who may be behind an address.
type server struct {
	backend, cookie string
	sticky          string // the name of the cookie, empty if the backend has none
	chosen          bool   // it takes its turn
	fixed           bool   // no turns are taken: it is always the same that is chosen
	last            bool   // it is a last resort: only a cookie leads there while others are ready
}

func serversOf(s route.Spec) map[string]server {
	all := map[string]server{}
	for _, k := range s.Backends {
		ready := slices.ContainsFunc(k.Servers, func(s route.ServerSpec) bool { return s.State == route.Ready })
		for _, one := range k.Servers {
			last := one.State == route.LastResort
			all[one.Addr.String()] = server{backend: k.Name, cookie: one.Cookie, sticky: k.Sticky, chosen: one.State == route.Ready || last && !ready, last: last, fixed: k.Balance == route.First}
		}
	}
	return all
}
