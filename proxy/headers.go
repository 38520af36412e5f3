package proxy

import (
	"net/netip"
	"slices"
	"strings"

	"marathon-lb/internal/route"
)

// Edit is one change of a head. Names are compared without case.
type Edit struct {
	Op          EditOp
	Name, Value string
}

// EditOp says what an Edit does.
type EditOp uint8

// The operations.
const (
	Remove         EditOp = iota // all fields of the name
	Add                          // a field line at the end
	Set                          // Remove, then Add
	RemoveHopByHop               // all fields that always concern one connection only
)

// removes says whether the edit takes a field away.
func (e *Edit) removes(f Field) bool {
	switch e.Op {
	case Add:
		return false
	case RemoveHopByHop:
		return f.hopByHop()
	}
	return f.is(e.Name)
}

// adds says whether the edit writes a field.
func (e *Edit) adds() bool { return e.Op == Add || e.Op == Set }

// removed says whether any of the edits takes a field away.
func removed(f Field, edits []Edit) bool {
	for i := range edits {
		if edits[i].removes(f) {
			return true
		}
	}
	return false
}

// overwritten says that what an edit wrote is removed by a later one.
func overwritten(edits []Edit, i int) bool {
	return removed(Field{Name: edits[i].Name}, edits[i+1:])
}

// hopByHop are the fields that concern one connection only (RFC 9110 7.6.1), besides those that Connection lists.
var hopByHop = []string{"Connection", "Keep-Alive", "Proxy-Connection", "TE", "Transfer-Encoding", "Upgrade", "HTTP2-Settings"}

// hopByHopMarks are the marks of their names.
var hopByHopMarks = func() uint64 {
	fields := make([]Field, len(hopByHop))
	for i, name := range hopByHop {
		fields[i].Name = name
	}
	return marksOf(fields)
}()

func (f Field) hopByHop() bool {
	for _, name := range hopByHop {
		if f.is(name) {
			return true
		}
	}
	return false
}

// keepListed are fields that a Connection field cannot have removed: a client could strip what we or the framing rely on.
var keepListed = []string{
	"Host", "Content-Length", "Transfer-Encoding", "X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto", "X-Marathon-App-Id",
}

// removeHopByHop goes before every edit that adds, so that no client can delete what is added.
func removeHopByHop(edits []Edit, fields []Field) []Edit {
	edits = append(edits, Edit{Op: RemoveHopByHop})
	for i := range fields {
		f := &fields[i]
		if !f.is("Connection") {
			continue
		}
		for name := range strings.SplitSeq(f.Value, ",") {
			name = strings.TrimSpace(name)
			if name != "" && !containsFold(keepListed, name) && !containsFold(hopByHop, name) {
				edits = append(edits, Edit{Op: Remove, Name: name})
			}
		}
	}
	return edits
}

func containsFold(list []string, name string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, name) })
}

// requestEdits is what changes in a request's head on its way to the backend. trusted are the proxies whose word on the scheme counts.
func requestEdits(edits []Edit, r *Request, b *route.Backend, trusted []netip.Prefix) []Edit {
	edits = removeHopByHop(edits, r.Fields)
	if len(r.written) > 0 { // what a directive wrote no client can have removed
		edits = rewritten(edits, r.written, r.Fields)
	}
	if r.lists("TE", "trailers") {
		edits = append(edits, Edit{Set, "TE", "trailers"})
	}
	if r.upgrades() {
		edits = append(edits, Edit{Set, "Connection", "Upgrade"}, Edit{Set, "Upgrade", "websocket"})
	}
	if !r.wrote("X-Forwarded-For") || r.field("X-Forwarded-For") == "" {
		edits = append(edits, Edit{Add, "X-Forwarded-For", r.From})
	}
	if !r.wrote("X-Forwarded-Port") {
		edits = append(edits, Edit{Set, "X-Forwarded-Port", r.Port})
	}
	if proto := r.field("X-Forwarded-Proto"); !r.wrote("X-Forwarded-Proto") && (proto == "" || !trusts(trusted, r.Source.Addr())) {
		edits = append(edits, Edit{Set, "X-Forwarded-Proto", r.scheme()})
	}
	return hideCookies(edits, r, b.Spec.Sticky, b.Spec.Canary.Cookie)
}

func (r *Request) scheme() string {
	if r.TLS {
		return "https"
	}
	return "http"
}

func trusts(networks []netip.Prefix, a netip.Addr) bool {
	a = a.Unmap()
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(a) })
}

// hideCookies takes our own cookies out of what the server sees (HAProxy's "cookie ... indirect"): those of two names, empty for none.
func hideCookies(edits []Edit, r *Request, one, two string) []Edit {
	if !r.hasCookie(one) && !r.hasCookie(two) {
		return edits
	}
	edits = append(edits, Edit{Op: Remove, Name: "Cookie"})
	for _, f := range r.Fields {
		if !f.is("Cookie") {
			continue
		}
		if rest := withoutCookies(f.Value, one, two); rest != "" {
			edits = append(edits, Edit{Add, "Cookie", rest})
		}
	}
	return edits
}

func withoutCookies(value, one, two string) string {
	var keep []string
	for pair := range strings.SplitSeq(value, ";") {
		pair = strings.TrimSpace(pair)
		k, _, _ := strings.Cut(pair, "=")
		if ours := k != "" && (k == one || k == two); pair != "" && !ours {
			keep = append(keep, pair)
		}
	}
	return strings.Join(keep, "; ")
}

// responseEdits is what changes in a response's head on its way to the client. fields are the response's; t is the try that
// brought it.
func responseEdits(edits []Edit, status int, fields []Field, r *Request, a Action, t try) []Edit {
	edits = removeHopByHop(edits, fields)
	if status == statusSwitching {
		edits = append(edits, Edit{Set, "Connection", "Upgrade"}, Edit{Set, "Upgrade", "websocket"})
	}
	if d := a.Backend.Spec.Do; d != nil && len(d.Response) > 0 && a.asked != nil {
		edits, fields = a.obeyResponse(edits, status, fields)
	}
	if a.Backend.Spec.HSTS && !hasField(fields, "Strict-Transport-Security") {
		edits = append(edits, Edit{Add, "Strict-Transport-Security", "max-age=15768000"})
	}
	if w := a.Backend.Spec.Rewrite; w.Location != "" {
		edits = rewriteLocation(edits, fields, w)
	}
	before := len(edits)
	if k := &a.Backend.Spec; k.Sticky != "" && !t.sticky {
		edits = append(edits, Edit{Add, "Set-Cookie", cookieLine(k.Sticky, t.server.Cookie, r, a.Rule)})
	}
	if a.Pin != "" {
		edits = append(edits, Edit{Add, "Set-Cookie", cookieLine(a.Backend.Spec.Canary.Cookie, a.Pin, r, a.Rule)})
	}
	if len(edits) > before {
		edits = append(edits, Edit{Add, "Cache-Control", "private"})
	}
	return edits
}

// cookieLine gives the client a cookie of ours.
func cookieLine(name, value string, r *Request, rule route.Rule) string {
	line := name + "=" + value + "; path=" + rule.CookiePath() + "; HttpOnly; SameSite=Lax"
	if r.TLS {
		line += "; Secure"
	}
	return line
}

// statusSwitching is the status that begins a WebSocket (RFC 9110 15.2.2).
const statusSwitching = 101
