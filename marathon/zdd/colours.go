package zdd

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"marathon-lb/marathon"
)

// App is an app as Marathon shows it, read and as its JSON.
type App struct {
	marathon.App
	JSON json.RawMessage
}

// UnmarshalJSON keeps the text, too: a hook is given it.
func (a *App) UnmarshalJSON(text []byte) error {
	a.JSON = slices.Clone(text)
	return json.Unmarshal(text, &a.App)
}

// number is a label's; the second result says that there is one.
func (a *App) number(label string) (int, bool) {
	n, err := strconv.Atoi(strings.TrimSpace(a.Labels[label]))
	return n, err == nil && n >= 0
}

// groupOf is the name of a group as the load balancers compare it.
func groupOf(label string) string { return strings.Trim(label, " /") }

// coloursOf are the apps of a group, in the order in which their deployments began.
func coloursOf(apps []App, group string) []App {
	found := slices.DeleteFunc(slices.Clone(apps), func(a App) bool { return groupOf(a.Labels[groupLabel]) != groupOf(group) })
	slices.SortStableFunc(found, func(a, b App) int {
		return cmp.Or(cmp.Compare(startedAt(a), startedAt(b)), cmp.Compare(a.ID, b.ID))
	})
	return found
}

func startedAt(a App) string { return cmp.Or(a.Labels[startedLabel], "0") }

// stamp is the form of times in labels, Python's isoformat.
const stamp = "2006-01-02T15:04:05.000000"

// beginning is now as a label, but later than that of the last deployment even if that was made by a machine whose clock is ahead.
func beginning(last string, now time.Time) string {
	text := now.Format(stamp)
	if at, err := time.Parse("2006-01-02T15:04:05.999999", last); err == nil && text <= last {
		return at.Add(time.Microsecond).Format(stamp)
	}
	return text
}

// first makes the definition of an app that has no predecessor.
func first(d Definition, now time.Time) error {
	n, err := d.instances()
	if err != nil {
		return err
	}
	d.become("blue", d.servicePort(), map[string]string{
		targetLabel: strconv.Itoa(n), newLabel: "0", startedLabel: now.Format(stamp),
	})
	return nil
}

// succeed makes the definition of the app that is to replace last.
func succeed(d Definition, last *App, o *Options, now time.Time) error {
	if !d.checked() {
		return fail(MissingField, "definition: healthChecks is missing: without one nobody can know whether the new tasks serve")
	}
	target := last.Instances
	fresh := min(int(o.NewInstances), target)
	size := min(int(o.InitialInstances), target)
	if fresh > 0 {
		size = min(size, fresh)
	}
	d["instances"] = size
	colour := "blue"
	if last.Labels[colourLabel] == "blue" {
		colour = "green"
	}
	d.become(colour, nextPort(d, last), map[string]string{
		targetLabel: strconv.Itoa(target), newLabel: strconv.Itoa(fresh), startedLabel: beginning(last.Labels[startedLabel], now),
	})
	return nil
}

// become gives a definition its colour. HAPROXY_0_PORT has the load balancers publish the port of the file, whatever Marathon is told.
func (d Definition) become(colour string, port int, labels map[string]string) {
	labels[idLabel], labels[portLabel], labels[colourLabel] = d.id(), strconv.Itoa(d.servicePort()), colour
	d["id"] = "/" + strings.TrimPrefix(d.id(), "/") + "-" + colour
	d.setServicePort(port)
	d.setLabels(labels)
}

// nextPort is the service port that last does not have: two apps cannot have the same in Marathon.
func nextPort(d Definition, last *App) int {
	alt, ok := last.number(altLabel)
	if !ok {
		alt, _ = strconv.Atoi(d.label(altLabel))
	}
	own, ok := last.number(portLabel)
	if !ok {
		own = d.servicePort()
	}
	if as, err := asDefinition(last); err == nil && as.servicePort() == alt {
		return own
	}
	return alt
}

func asDefinition(a *App) (d Definition, err error) {
	err = json.Unmarshal(a.JSON, &d)
	return d, err
}

// choose finds in two or more colours who replaces whom, as the flags say.
func choose(colours []App, o *Options) (young, old *App, p Plan, err error) {
	old, young = &colours[len(colours)-2], &colours[len(colours)-1]
	p.Linear = int(o.LinearIncrease)
	var set bool
	if p.Target, set = young.number(targetLabel); !set {
		p.Target = young.Instances
	}
	switch {
	case o.CompleteCur:
	case o.CompletePrev:
		young, old = old, young
		// The older app's label is of an earlier deployment, but Marathon-LB reckons with it: so the larger number.
		n, _ := young.number(targetLabel)
		p.Target = max(p.Target, n)
	case o.Resume:
		p.New, _ = young.number(newLabel)
	default:
		return nil, nil, p, fail(Failed, "a deployment exists: %s. Go on with --resume, complete it with --complete-cur, or take it back with --complete-prev",
			sizes(young, old))
	}
	if len(young.HealthChecks) == 0 {
		return nil, nil, p, fail(MissingField, "%s has no health check: nobody can know whether its tasks serve", young.ID)
	}
	return young, old, p, nil
}

// sizes says how far things are.
func sizes(apps ...*App) string {
	var parts []string
	for _, a := range apps {
		if a != nil { // before the new app exists
			parts = append(parts, fmt.Sprintf("%s has %s", a.ID, count(a.Instances, "instance")))
		}
	}
	return strings.Join(parts, ", ")
}

// count is a number of things in words.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}
