package stats

import (
	"net/url"
	"strings"
)

// format is one of the forms of the report.
type format int

const (
	formatHTML format = iota
	formatCSV
	formatJSON
	formatOther // a form of HAProxy's that is not made here
)

// query is what a request asks of the statistics report.
type query struct {
	format    format
	hideDown  bool   // ;up: leave out servers that are DOWN or MAINT
	hideMaint bool   // ;no-maint: leave out those in MAINT
	scope     string // only proxies whose name contains it, without regard to case
	code      string // ;st=: result of an action, four letters
	explain   string // &explain=: a URL or an app id that the page's box is to explain
	from      string // &from=: the client's address in that question
}

const (
	statsPrefix = "/haproxy?stats"
	longScope   = 20 // HAProxy cuts the text there
)

// parseQuery reads a request target as HAProxy does (haproxy-stats.md 1.2): the target must begin with the prefix, nothing is
// decoded, and each option is looked for as a plain substring of the rest. ok is false if it does not ask for the report.
func parseQuery(target string) (q query, ok bool) {
	rest, ok := strings.CutPrefix(origin(target), statsPrefix)
	if !ok {
		return query{}, false
	}
	has := func(token string) bool { return strings.Contains(rest, token) }
	switch { // later forms win in HAProxy: csv < typed < json < json-schema
	case has(";json-schema"):
		q.format = formatOther
	case has(";json"):
		q.format = formatJSON
	case has(";typed"):
		q.format = formatOther
	case has(";csv"):
		q.format = formatCSV
	}
	q.hideDown, q.hideMaint = has(";up"), has(";no-maint")
	q.scope, q.explain, q.from = scopeOf(rest), formValue(rest, "explain"), formValue(rest, "from")
	if _, code, ok := strings.Cut(rest, ";st="); ok && len(code) >= 4 {
		q.code = code[:4]
	}
	return q, true
}

// origin is path and query of a target: it strips scheme and authority of the absolute form (RFC 9112 section 3.2.2).
func origin(target string) string {
	if strings.HasPrefix(target, "/") {
		return target
	}
	_, rest, _ := strings.Cut(target, "://")
	end := strings.IndexAny(rest, "/?#") // of the authority
	if end < 0 || rest[end] != '/' {
		return ""
	}
	return rest[end:]
}

// formValue is the value of a field of a form, decoded where it is encoded; empty if there is none.
func formValue(rest, field string) string {
	_, text, _ := strings.Cut(rest, "&"+field+"=")
	text, _, _ = strings.Cut(text, "&")
	if decoded, err := url.QueryUnescape(text); err == nil {
		text = decoded
	}
	return strings.TrimSpace(text)
}

// scopeOf is the text after "scope=", empty if there is none or if it holds a character no proxy name has.
func scopeOf(rest string) string {
	_, scope, _ := strings.Cut(rest, "scope=")
	if end := strings.IndexAny(scope, ";& "); end >= 0 {
		scope = scope[:end]
	}
	scope = scope[:min(len(scope), longScope)]
	for i := range len(scope) {
		if c := scope[i]; !('a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("-_.:", c) >= 0) {
			return ""
		}
	}
	return scope
}

// target is the request target that asks for q again, without its result code.
func (q query) target() string {
	t := statsPrefix
	switch q.format {
	case formatCSV:
		t += ";csv"
	case formatJSON:
		t += ";json"
	}
	if q.hideDown {
		t += ";up"
	}
	if q.hideMaint {
		t += ";no-maint"
	}
	if q.scope != "" {
		t += "?scope=" + q.scope
	}
	return t
}

// filter takes out the rows that q does not want. A backend's status then says how many of its servers take requests.
func (q query) filter(rows []row) []row {
	if q == (query{format: q.format, code: q.code, explain: q.explain, from: q.from}) {
		return rows
	}
	scope := strings.ToLower(q.scope)
	var kept []row
	for _, r := range rows {
		if !strings.Contains(strings.ToLower(r.pxname), scope) || r.kind == server && q.hides(&r) {
			continue
		}
		if r.kind == backend && (q.hideDown || q.hideMaint) {
			r.status += r.share()
		}
		kept = append(kept, r)
	}
	return kept
}

func (q query) hides(r *row) bool {
	down := r.status == "DOWN" && !r.waits() // one that waits for its first probe is on its way up
	return r.draining && (q.hideDown || q.hideMaint) || down && q.hideDown
}
