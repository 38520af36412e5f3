package route

import (
	"cmp"
	"strings"
)

// bound is a rule with what it leads to.
type bound struct {
	Rule
	backend string
	app     string
	port    int
	group   string // of the backend's Canary
}

// compare ranks rules: the first that matches wins. The first of ranks that differs decides.
func (e *bound) compare(f *bound) int {
	r := e.ranks(f)
	return cmp.Or(r[:]...)
}

// ranks compares weight descending, exact host before wildcard (the longer suffix first) before any, longest path, conditions before none, app id, port,
// path text. rankWords has the words for them.
func (e *bound) ranks(f *bound) [7]int {
	return [7]int{
		cmp.Compare(f.Weight, e.Weight),
		cmp.Compare(hostRank(f.Host), hostRank(e.Host)),
		cmp.Compare(len(f.Path), len(e.Path)),
		cmp.Compare(e.plain(), f.plain()),
		cmp.Compare(e.app, f.app),
		cmp.Compare(e.port, f.port),
		cmp.Compare(e.Path, f.Path),
	}
}

// plain is 1 for a rule without a condition.
func (e *bound) plain() int {
	if e.If == nil {
		return 1
	}
	return 0
}

// hostRank is larger for a more specific host pattern.
func hostRank(host string) int {
	if !strings.HasPrefix(host, "*") {
		return 1 << 20
	}
	return len(host)
}

// longestHost bounds what is looked up for one request: each dot of a host is a look-up of what follows it. DNS has no longer names.
const longestHost = 255

// Match finds the backend for a request by host and path, with the rule that won; nil if no rule matches. host must be a
// NormalHost; path is the raw path of the request target, without the query, not decoded.
func (t *Table) Match(host, path string, tr *Trace) (*Backend, Rule) {
	return t.MatchRequest(host, path, nil, tr)
}

// Asked is a request that can be looked at by conditions.
type Asked interface{ Asked() *Request }

// MatchRequest is Match with the whole request, for rules with conditions; without it these match nothing.
func (t *Table) MatchRequest(host, path string, asked Asked, tr *Trace) (*Backend, Rule) {
	best := firstMatch(&t.hosts, host, path, asked, nil, tr)
	for i := 0; i < len(host) && len(host) <= longestHost; i++ {
		if host[i] == '.' {
			best = firstMatch(&t.hosts, host[i:], path, asked, best, tr)
		}
	}
	return t.winner(firstMatch(&t.hosts, "", path, asked, best, tr), tr)
}

// MatchApp finds the backend for an X-Marathon-App-Id value, compared without case; nil if there is none.
func (t *Table) MatchApp(id string, tr *Trace) (*Backend, Rule) {
	return t.winner(firstMatch(&t.apps, strings.ToLower(id), "", nil, nil, tr), tr)
}

// firstMatch is the better of best and the first rule under key that matches the path.
func firstMatch(in *shards[[]*bound], key, path string, asked Asked, best *bound, tr *Trace) *bound {
	list, _ := in.get(key)
	if tr != nil && len(list) > 0 {
		tr.weigh(list, path, asked)
	}
	for _, e := range list {
		if best != nil && best.compare(e) < 0 {
			break
		}
		if e.matches(path, asked) {
			return e
		}
	}
	return best
}

func (t *Table) winner(e *bound, tr *Trace) (*Backend, Rule) {
	if tr != nil {
		tr.settle(e)
	}
	if e == nil {
		return nil, Rule{}
	}
	return t.Backend(e.backend), e.Rule
}

// matches says whether the rule does, under the key of whose host it stands.
func (e *bound) matches(path string, asked Asked) bool {
	return e.matchPath(path) && (e.If == nil || asked != nil && e.If.Holds(asked.Asked(), nil))
}

func (e *bound) matchPath(path string) bool {
	if !e.IgnoreCase {
		return strings.HasPrefix(path, e.Path)
	}
	return len(path) >= len(e.Path) && strings.EqualFold(path[:len(e.Path)], e.Path)
}
