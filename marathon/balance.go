package marathon

import (
	"fmt"
	"strings"

	"marathon-lb/internal/route"
)

const writeBalance = "write roundrobin, leastconn, first, random, source, uri, url_param NAME or hdr(NAME)"

// setBalance reads an algorithm as HAProxy writes it: a word, its argument behind it in brackets or after a blank, and options.
func (s *service) setBalance(set setting) {
	words := strings.FieldsFunc(set.value, func(c rune) bool { return strings.ContainsRune(" \t()", c) })
	if len(words) == 0 {
		s.complain(set, "empty; roundrobin is used", writeBalance)
		return
	}
	b, options := route.Balance(strings.ToLower(words[0])), words[1:]
	switch b {
	case route.RoundRobin, route.StaticRR, route.LeastConn, route.First, route.Source:
	case route.Random: // its argument is how many servers are drawn, two by default
		options = nil
	case route.URI:
		if len(options) > 0 && options[0] == "whole" {
			s.hashOn, options = "whole", options[1:]
		}
	case route.URLParam, route.Header:
		if len(options) == 0 {
			s.complain(set, "it does not say by what; roundrobin is used", "write "+words[0]+" and a name")
			return
		}
		s.hashOn, options = options[0], options[1:]
	case "rdp-cookie", "hash":
		s.complain(set, "understood but not carried out; roundrobin is used", writeBalance)
		return
	default:
		s.complain(set, "no algorithm of HAProxy's; roundrobin is used", writeBalance)
		return
	}
	s.balance = b
	if len(options) > 0 {
		s.complain(set, fmt.Sprintf("%q is not carried out; %s is used without it", strings.Join(options, " "), b), "leave it out")
	}
}
