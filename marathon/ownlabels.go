package marathon

import (
	"strconv"
	"strings"
	"time"

	"marathon-lb/internal/route"
)

// ownLabels are those Marathon-LB did not have.
var ownLabels = []Label{
	{Name: "CANARY", Scope: PerPort, Own: true, apply: (*service).setCanary,
		Doc: "Name of a group: apps that name the same one and have the same VHOST and PATH share its clients, and a cookie keeps each client at its app. See [canary](canary.md)."},
	{Name: "CANARY_WEIGHT", Scope: PerPort, Default: "by tasks", Own: true, apply: (*service).setCanaryWeight,
		Doc: "Percent of the clients that this app of a CANARY group gets. Apps without it share what is left, by the number of their tasks in use."},
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

// canaryCookie begins the name of the cookie that keeps a client at one app of a group.
const canaryCookie = "marathon_canary_"

// longestGroup keeps the cookie's name short.
const longestGroup = 64

func (s *service) setCanary(set setting) {
	group := strings.TrimSpace(set.value)
	odd := func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.')
	}
	if group == "" || len(group) > longestGroup || strings.ContainsFunc(group, odd) {
		s.complain(set, "no name of a group; the app shares nothing", "write letters, digits, -, _ and ., 64 at most")
		return
	}
	s.canary = route.Canary{Group: group, Weight: -1, Cookie: canaryCookie + group, Cohort: digest(s.app.ID + " " + strconv.Itoa(s.index))}
}

func (s *service) setCanaryWeight(set setting) {
	n, err := strconv.Atoi(strings.TrimSpace(set.value))
	switch {
	case err != nil || n < 0 || n > 100:
		s.complain(set, "no percentage; the number of tasks counts", "write a whole number from 0 to 100")
	case s.canary.Group == "": // CANARY was read before: labels are in the order of their names
		s.complain(set, "the app is in no group; it has no effect", "set "+portLabel(s.index, "CANARY")+" to the name of a group")
	default:
		s.canary.Weight = n
	}
}

// settleCanary tells of a group that has nothing to share.
func (s *service) settleCanary() {
	if s.canary.Group != "" && len(s.hosts) == 0 {
		s.complainOf("CANARY", "it shares a host, and there is none; it has no effect", "set "+portLabel(s.index, "VHOST"))
		s.canary = route.Canary{}
	}
}

// length reads a length of time, the longest at most.
func length(text string, longest time.Duration) (time.Duration, bool) {
	d, err := time.ParseDuration(strings.TrimSpace(text))
	return d, err == nil && d >= 0 && d <= longest
}
