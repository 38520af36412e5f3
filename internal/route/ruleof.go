package route

import (
	"slices"
	"strings"

	"marathon-lb/internal/hacfg"
)

// Inline is the condition without names: the tests of each acl stand in braces. false if that would make too much of it.
func (c *Condition) Inline() (*Condition, bool) {
	if c == nil {
		return nil, true
	}
	if c.text.Unless {
		if c = c.not(); c == nil {
			return nil, false
		}
	}
	n := &Condition{}
	for _, all := range c.any {
		alternatives := [][]term{nil}
		for _, t := range all {
			alternatives = alternate(alternatives, t)
			if len(alternatives) > mostAlternatives {
				return nil, false
			}
		}
		n.any = append(n.any, alternatives...)
	}
	if len(n.any) > mostAlternatives {
		return nil, false
	}
	n.retext()
	return n, true
}

// alternate adds a term to each alternative: an acl of several tests makes several of each, unless it must not hold.
func alternate(alternatives [][]term, t term) (more [][]term) {
	for _, have := range alternatives {
		if t.not {
			one := slices.Clone(have)
			for _, test := range t.acl.Tests {
				one = append(one, term{true, &ACL{Tests: []*Test{test}}})
			}
			more = append(more, one)
			continue
		}
		for _, test := range t.acl.Tests {
			more = append(more, append(slices.Clone(have), term{false, &ACL{Tests: []*Test{test}}}))
		}
	}
	return more
}

// retext writes the text of a condition without names.
func (c *Condition) retext() {
	c.text = hacfg.Condition{}
	for _, all := range c.any {
		var words []hacfg.Term
		for _, t := range all {
			words = append(words, hacfg.Term{Not: t.not, Test: t.acl.Tests[0].words()})
		}
		c.text.Any = append(c.text.Any, words)
	}
}

// Terms are the terms of a condition of a rule, which has no alternatives and no names, with a blank before each.
func (c *Condition) Terms() string {
	if c == nil {
		return ""
	}
	b := ""
	for _, t := range c.text.Any[0] {
		b += " " + t.String()
	}
	return b
}

// Uses says whether the condition speaks of an acl.
func (c *Condition) Uses(a *ACL) bool {
	return c != nil && slices.ContainsFunc(c.any, func(all []term) bool {
		return slices.ContainsFunc(all, func(t term) bool { return t.acl == a })
	})
}

// RulesIf are the rules that lead what meets a condition to a backend: those of hosts and paths where it speaks of them, so that they can be
// found by host. false if the condition is too much.
func RulesIf(c *Condition, weight int) ([]Rule, bool) {
	if c == nil {
		return []Rule{{Host: "*", Weight: weight}}, true
	}
	c, ok := c.Inline()
	if !ok {
		return nil, false
	}
	var rules []Rule
	for _, all := range c.any {
		hosts, paths, fold := []string{"*"}, []string{""}, false
		var rest []term
		for _, t := range all {
			test := t.acl.Tests[0]
			if named, ok := test.hosts(); ok && !t.not && hosts[0] == "*" && len(named) > 0 {
				if hosts = named; test.sample.expression.Name == "ssl_fc_sni" {
					rest = append(rest, t)
				}
			} else if test.isPrefix() && !t.not && paths[0] == "" {
				paths, fold = test.patterns, test.fold
			} else {
				rest = append(rest, t)
			}
		}
		var more *Condition
		if len(rest) > 0 {
			more = &Condition{any: [][]term{rest}}
			more.retext()
		}
		for _, host := range hosts {
			for _, path := range paths {
				rules = append(rules, Rule{Host: host, Path: path, IgnoreCase: fold, Weight: weight, If: more})
			}
		}
	}
	return rules, len(rules) <= 4*mostAlternatives
}

// hosts are the patterns of a test for the host, if they can be rules.
func (t *Test) hosts() (hosts []string, ok bool) {
	e := t.sample.expression
	isHost := e.Name == "req.hdr" && len(e.Args) == 1 && strings.EqualFold(e.Args[0], "host") || e.Name == "ssl_fc_sni"
	if !isHost || len(e.Then) > 0 || t.kind != "str" && t.kind != "end" {
		return nil, false
	}
	for _, p := range t.patterns {
		host := NormalHost(p)
		if t.kind == "end" {
			if !strings.HasPrefix(host, ".") || strings.Contains(host, "*") {
				return nil, false
			}
			host = "*" + host
		}
		if host == "" {
			return nil, false
		}
		hosts = append(hosts, host)
	}
	return hosts, true
}

// isPrefix says that a test is for how the path begins.
func (t *Test) isPrefix() bool {
	return t.sample.expression.Name == "path" && t.kind == "beg" && len(t.sample.expression.Then) == 0 && len(t.patterns) > 0
}

// same says that two rules lead the same requests.
func (r Rule) same(o Rule) bool {
	return r.If.String() == o.If.String() && r.Host == o.Host && r.Path == o.Path && r.IgnoreCase == o.IgnoreCase && r.Weight == o.Weight && r.AppID == o.AppID
}
