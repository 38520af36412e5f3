package route

import "slices"

// Trace collects the rules that Match weighed: all that are for the request's host, or its app id. Then it collects the directives that were
// asked for. A nil Trace collects nothing.
type Trace struct {
	Steps []Step // in the order in which they are asked

	heeded []heeded
}

// Step is one of those rules.
type Step struct {
	Rule    Rule
	Backend string
	App     string
	Port    int
	Path    bool   // it fits
	Fits    bool   // the condition, too
	Taken   bool   // it won
	Behind  string // what puts a rule that fits behind the one that won

	bound *bound
}

// rankWords say what puts a rule before another, in the order of bound.ranks.
var rankWords = [7]string{
	"it has more weight", "its host is more exact", "its path is longer", "it has a condition", "its app comes first by id", "its service port is lower", "its path comes first",
}

// weigh notes rules in the order of their rank under one key, and whether they fit.
func (tr *Trace) weigh(list []*bound, path string, asked Asked) {
	if slices.ContainsFunc(tr.Steps, func(s Step) bool { return s.bound == list[0] }) { // an empty host is looked up twice
		return
	}
	for _, e := range list {
		tr.Steps = append(tr.Steps, Step{Rule: e.Rule, Backend: e.backend, App: e.app, Port: e.port, Path: e.matchPath(path), Fits: e.matches(path, asked), bound: e})
	}
}

// settle puts the steps of all keys in one order, and notes which rule won; nil if none did.
func (tr *Trace) settle(won *bound) {
	slices.SortStableFunc(tr.Steps, func(a, b Step) int { return a.bound.compare(b.bound) })
	for i := range tr.Steps {
		s := &tr.Steps[i]
		s.Taken = s.bound == won
		if s.Fits && !s.Taken && won != nil {
			s.Behind = won.before(s.bound)
		}
	}
}

// before says what puts e before f.
func (e *bound) before(f *bound) string {
	for i, order := range e.ranks(f) {
		if order != 0 {
			return rankWords[i]
		}
	}
	return "it is the same"
}
