package stats

import (
	"fmt"
	"strings"

	"marathon-lb/internal/route"
)

// serverStatus is HAProxy's word for a server and the class of its row. A draining server reads MAINT because zdd.py waits for
// that word; one that waits for its first probe is DOWN, not "UP 1/3" as in HAProxy, because it takes no request.
func serverStatus(draining bool, c *route.Checked) (status, class string) {
	switch {
	case draining:
		return "MAINT", "maintain"
	case c == nil:
		return "no check", "active_no_check"
	case c.Health == route.Up && !c.Full():
		return fmt.Sprintf("UP %d/%d", c.Score-c.Plan.Rise+1, c.Plan.Fall), "active_going_down"
	case c.Health == route.Up:
		return "UP", "active_up"
	case c.Health == route.Initial:
		return "DOWN", "active_going_up"
	case c.Score > 0:
		return fmt.Sprintf("DOWN %d/%d", c.Score, c.Plan.Rise), "active_going_up"
	}
	return "DOWN", "active_down"
}

// state is the row's status in the words of /metrics, where an unchecked server and an open frontend count as up.
func (r *row) state() string {
	switch r.status {
	case "OPEN", "no check":
		return "UP"
	case stopped:
		return "DOWN"
	}
	word, _, _ := strings.Cut(r.status, " ")
	return word
}

// probed says that the row is that of a server that is probed.
func (r *row) probed() bool { return r.check != nil && !r.draining }

// waits says that the server waits for its first probe.
func (r *row) waits() bool { return r.probed() && r.check.Health == route.Initial }

// checkWords are HAProxy's words for what came of a probe in the order of its metrics, all that it has, and what it says of those that
// occur here.
var checkWords = []struct{ status, says string }{
	{"HANA", ""}, {"SOCKERR", "Socket error"},
	{"L4OK", "Layer4 check passed"}, {"L4TOUT", "Layer4 timeout"}, {"L4CON", "Layer4 connection problem"},
	{"L6OK", ""}, {"L6TOUT", "Layer6 timeout"}, {"L6RSP", "Layer6 invalid response"},
	{"L7TOUT", "Layer7 timeout"}, {"L7RSP", "Layer7 invalid response"}, {"L7OK", "Layer7 check passed"}, {"L7OKC", ""},
	{"L7STS", "Layer7 wrong status"},
	{"PROCERR", ""}, {"PROCTOUT", ""}, {"PROCOK", ""},
}

// checkStates are the words alone.
var checkStates = func() (words []string) {
	for _, w := range checkWords {
		words = append(words, w.status)
	}
	return words
}()

// checkText says what a word means.
func checkText(c route.CheckStatus) string {
	for _, w := range checkWords {
		if w.status == string(c) {
			return w.says
		}
	}
	return "Initializing"
}

// checkStatus has a star while a probe is under way.
func checkStatus(r *row) cell {
	if r.server.Probed() {
		return str("* " + string(r.check.Status))
	}
	return str(string(r.check.Status))
}

func checkCode(r *row) cell {
	if r.check.Code == 0 {
		return cell{}
	}
	return num(int64(r.check.Code))
}

func checkDuration(r *row) cell {
	if r.check.Status == route.INI {
		return cell{}
	}
	return num(r.check.Took.Milliseconds())
}

func checkDesc(r *row) cell { return str(checkText(r.check.Status)) }

// lastCheck is what was wrong, in words that may be those of the server.
func lastCheck(r *row) cell {
	if r.check.Text == "" {
		return cell{}
	}
	return str(plain(r.check.Text))
}

func checkRise(r *row) cell   { return num(int64(r.check.Plan.Rise)) }
func checkFall(r *row) cell   { return num(int64(r.check.Plan.Fall)) }
func checkHealth(r *row) cell { return num(int64(r.check.Score)) }

func hasCheckState(r *row, i int) float64 {
	if string(r.check.Status) == checkStates[i] {
		return 1
	}
	return 0
}

func foundOf(r *row, i int) float64 { return float64(r.found[route.CheckStatus(checkStates[i])]) }

// checkCodeOrNone is the status code, 0 for results without one, as HAProxy's metrics have it.
func checkCodeOrNone(r *row) cell { return num(int64(r.check.Code)) }
