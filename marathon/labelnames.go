package marathon

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/agnivade/levenshtein"

	"marathon-lb/internal/route"
)

// setting is a label as it stands on an app.
type setting struct {
	row   *Label
	rank  int    // of the row in the table: the order of application
	name  string // in full
	value string
	port  int // the {n}, -1 for the app as a whole

	forAll bool // it is no label, but a template of the environment or of a file
}

// settings are an app's labels by what they speak of.
type settings struct {
	app   []setting
	ports [][]setting // by port index
}

// labelKey finds a row by what a label's name says.
type labelKey struct {
	name    string
	perPort bool
}

var rows = func() map[labelKey]int {
	found := make(map[labelKey]int, len(table))
	for i, l := range table {
		found[labelKey{l.Name, l.Scope != PerApp}] = i
	}
	return found
}()

// readSettings sorts the labels of an app with so many ports. Those that mean nothing become problems.
func readSettings(a *App, ports int) (settings, []route.Problem) {
	s := settings{ports: make([][]setting, ports)}
	var problems []route.Problem
	for name, value := range a.Labels {
		if !strings.HasPrefix(strings.ToUpper(name), prefix) {
			if meant := nearestLabel(name); meant != "" {
				problems = append(problems, route.Problem{App: a.ID, Label: name, Value: shown(meant, value), Reason: reasonUnknown, Remedy: "did you mean " + meant + "?"})
			}
			continue
		}
		set, reason, remedy := readLabel(name, value, ports)
		switch {
		case reason != "":
			problems = append(problems, route.Problem{App: a.ID, Label: name, Value: shownAs(name, value), Reason: reason, Remedy: remedy})
		case set.port < 0:
			s.app = append(s.app, set)
		default:
			s.ports[set.port] = append(s.ports[set.port], set)
		}
	}
	for _, list := range append(slices.Clip(s.ports), s.app) {
		slices.SortFunc(list, func(a, b setting) int { return cmp.Compare(a.rank, b.rank) })
	}
	return s, problems
}

// shownAs is shown for what may be AUTH with a mistake in its name.
func shownAs(name, value string) string {
	_, rest, perPort := splitName(name)
	if meant, _ := nearest(rest, perPort); meant == "AUTH" {
		return hidden
	}
	return shown(name, value)
}

// readLabel says what a label means, or why it means nothing.
func readLabel(name, value string, ports int) (set setting, reason, remedy string) {
	index, rest, perPort := splitName(name)
	rank, known := rows[labelKey{rest, perPort}]
	if !known || !strings.HasPrefix(name, prefix) {
		reason, remedy = strangeLabel(name, index, rest, perPort)
		return setting{}, reason, remedy
	}
	row := &table[rank]
	set = setting{row: row, rank: rank, name: name, value: value, port: -1}
	switch {
	case row.Scope == Global:
		return set, "a template of the whole load balancer; " + row.Instead, "remove it"
	case !perPort:
		return set, "", ""
	}
	n, err := strconv.Atoi(index)
	switch {
	case err != nil || n >= ports:
		return set, fmt.Sprintf("the app has no port %s and the label has no effect", index), otherPort(ports, rest)
	case strconv.Itoa(n) != index:
		return set, "a port is named without leading zeros; the label has no effect", "write " + portLabel(n, rest)
	}
	set.port = n
	return set, "", ""
}

func otherPort(ports int, rest string) string {
	if ports == 1 {
		return "write " + portLabel(0, rest)
	}
	return portRange(ports)
}

func portRange(ports int) string {
	switch ports {
	case 0:
		return "give the app a port"
	case 1:
		return "the app's only port is 0"
	}
	return fmt.Sprintf("the app's ports are 0 to %d", ports-1)
}

// splitName takes HAPROXY_ and a port's index off a label's name. perPort says that there was an index.
func splitName(name string) (index, rest string, perPort bool) {
	rest = strings.ToUpper(name)[len(prefix):]
	digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
	if digits > 0 && digits < len(rest) && rest[digits] == '_' {
		return rest[:digits], rest[digits+1:], true
	}
	return "", rest, false
}

const reasonUnknown = "no such label; it has no effect"

// nearestLabel is the label that is meant by a name whose beginning is mistyped, HAPROXY-0-VHOST or HAPORXY_0_VHOST; empty for a label that
// is not for us.
func nearestLabel(name string) string {
	typed := strings.ToUpper(strings.TrimSpace(name))
	if len(typed) < len(prefix) || len(typed) > 64 || levenshtein.ComputeDistance(typed[:len(prefix)], prefix) > 2 {
		return ""
	}
	index := "0"
	if at := strings.IndexAny(typed, "0123456789"); at >= 0 {
		index = typed[at : at+1]
	}
	best, near := 4, ""
	for i := range table {
		meant := strings.Replace(table[i].Pattern(), "{n}", index, 1)
		if d := levenshtein.ComputeDistance(typed, meant); d < best && table[i].Scope != Global {
			best, near = d, meant
		}
	}
	return near
}

// strangeLabel says why a name is no label, and what was meant.
func strangeLabel(name, index, rest string, perPort bool) (reason, remedy string) {
	if _, known := rows[labelKey{rest, perPort}]; known {
		return "names of labels are upper case; it has no effect", "write " + strings.ToUpper(name)
	}
	if rank, known := rows[labelKey{rest, !perPort}]; known {
		switch {
		case perPort:
			return "a label of the app as a whole has no port index; it has no effect", "write " + prefix + rest
		case table[rank].Scope == Global:
			return "a template of the whole load balancer; " + table[rank].Instead, "remove it"
		}
		return "a label of a port needs the port's index; it has no effect", "write " + portLabel(0, rest) + " for the first port"
	}
	near, perPort := nearest(rest, perPort)
	switch {
	case near == "":
		return reasonUnknown, "remove it, or see the list of labels"
	case !perPort:
		return reasonUnknown, "did you mean " + prefix + near + "?"
	case index == "":
		index = "0"
	}
	return reasonUnknown, "did you mean " + prefix + index + "_" + near + "?"
}

func portLabel(n int, name string) string { return prefix + strconv.Itoa(n) + "_" + name }

// nearest is the known name with the fewest edits to a mistyped one, empty if none is near; like the mistyped one, it has an index
// or has none, if both are as near.
func nearest(name string, perPort bool) (near string, nearPerPort bool) {
	if len(name) > 64 { // longer than any name
		return "", false
	}
	best := min(3, len(name)/2) + 1
	for _, l := range table {
		if l.Scope == Global {
			continue
		}
		d, same := levenshtein.ComputeDistance(name, l.Name), (l.Scope == PerPort) == perPort
		if d < best || d == best && near == l.Name && same {
			best, near, nearPerPort = d, l.Name, l.Scope == PerPort
		}
	}
	return near, nearPerPort
}
