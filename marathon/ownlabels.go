package marathon

import (
	"strings"
	"time"
)

// ownLabels are those Marathon-LB did not have.
var ownLabels = []Label{
	{Name: "SLOWSTART", Scope: PerPort, Default: "0s", Own: true, apply: (*service).setSlowStart,
		Doc: "How long a server that joins others, or comes back, warms up, such as 30s: its share of the requests grows meanwhile. For roundrobin, leastconn and random."},
	{Name: "HOLD", Scope: PerPort, Default: "0s", Own: true, apply: (*service).setHold,
		Doc: "How long a request waits for a server while the service has none, such as 5s; then it is answered 503. In mode tcp, the connection waits."},
}

// longestHold is the longest time a request may be held: clients, and proxies before us, give up long before.
const longestHold = 5 * time.Minute

func (s *service) setHold(set setting) {
	if d, ok := length(set.value, longestHold); ok {
		s.hold = d
		return
	}
	s.complain(set, "not a length of time, or above "+longestHold.String()+"; no request is held", "write a length of time such as 5s, 500ms or 1m")
}

// longestSlowStart is far above what a process takes to warm up.
const longestSlowStart = time.Hour

func (s *service) setSlowStart(set setting) {
	d, ok := length(set.value, longestSlowStart)
	switch {
	case !ok:
		s.complain(set, "not a length of time, or above "+longestSlowStart.String()+"; servers start at full speed", "write a length of time such as 30s")
	case d > 0 && !s.balance.Weighs(): // BALANCE was read before: labels are in the order of their names
		s.complain(set, "balance "+string(s.balance)+" knows no weights; it has no effect", "set "+portLabel(s.index, "BALANCE")+" to roundrobin, leastconn or random")
	default:
		s.slowStart = d
	}
}

// length reads a length of time, the longest at most.
func length(text string, longest time.Duration) (time.Duration, bool) {
	d, err := time.ParseDuration(strings.TrimSpace(text))
	return d, err == nil && d >= 0 && d <= longest
}
