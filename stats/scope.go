package stats

import "strings"

// metricsQuery is what a scrape asks for.
type metricsQuery struct {
	process bool             // metrics of the process, our own and Go's
	kinds   [server + 1]bool // of row
	noMaint bool             // leave out servers in MAINT
}

// parseMetricsQuery reads a query as HAProxy does: "scope=" says what to show and may be repeated, an empty one forgets those
// before it; without any, everything is shown. ok is false for an unknown scope, or one without "=".
func parseMetricsQuery(query string) (q metricsQuery, ok bool) {
	scoped := false
	for _, pair := range strings.Split(query, "&") {
		switch key, scope, valued := strings.Cut(pair, "="); key {
		case "no-maint":
			q.noMaint = true
		case "scope":
			scoped = true
			if !valued || !q.show(scope) {
				return q, false
			}
		}
	}
	if !scoped {
		q.show("*")
	}
	return q, true
}

// show adds a scope to what is shown, and says whether there is such a scope.
func (q *metricsQuery) show(scope string) bool {
	switch scope {
	case "":
		q.process, q.kinds = false, [...]bool{false, false, false}
	case "*":
		q.process, q.kinds = true, [...]bool{true, true, true}
	case "global":
		q.process = true
	case "frontend":
		q.kinds[frontend] = true
	case "backend":
		q.kinds[backend] = true
	case "server":
		q.kinds[server] = true
	case "listener", "sticktable": // there are none
	default:
		return false
	}
	return true
}
