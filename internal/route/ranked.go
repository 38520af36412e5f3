package route

import "slices"

// Ranked is a rule with the backend it leads to.
type Ranked struct {
	Rule    Rule
	Backend *BackendSpec
}

// Ranked are all rules in the order in which they are asked: the first that matches wins.
func (s Spec) Ranked() []Ranked {
	type ranked struct {
		bound
		backend *BackendSpec
	}
	var all []ranked
	for i := range s.Backends {
		k := &s.Backends[i]
		for _, r := range k.Rules {
			all = append(all, ranked{bound{Rule: r, backend: k.Name, app: k.App, port: k.Port}, k})
		}
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return a.compare(&b.bound) })
	rules := make([]Ranked, len(all))
	for i, r := range all {
		rules[i] = Ranked{r.Rule, r.backend}
	}
	return rules
}
