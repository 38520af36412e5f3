package marathon

import (
	"strings"
	"time"
)

// ownLabels are those Marathon-LB did not have.
var ownLabels = []Label{
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

// length reads a length of time, the longest at most.
func length(text string, longest time.Duration) (time.Duration, bool) {
	d, err := time.ParseDuration(strings.TrimSpace(text))
	return d, err == nil && d >= 0 && d <= longest
}
