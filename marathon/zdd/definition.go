package zdd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Labels that a deployment reads and writes (marathon-lb.md 7.3).
const (
	groupLabel   = "HAPROXY_DEPLOYMENT_GROUP"
	altLabel     = "HAPROXY_DEPLOYMENT_ALT_PORT"
	colourLabel  = "HAPROXY_DEPLOYMENT_COLOUR"
	startedLabel = "HAPROXY_DEPLOYMENT_STARTED_AT"
	targetLabel  = "HAPROXY_DEPLOYMENT_TARGET_INSTANCES"
	newLabel     = "HAPROXY_DEPLOYMENT_NEW_INSTANCES"
	idLabel      = "HAPROXY_APP_ID"
	portLabel    = "HAPROXY_0_PORT"
)

// Definition is an app as the file has it: whatever it says goes to Marathon as it is, but for what a deployment sets.
type Definition map[string]any

// ReadDefinition reads an app's JSON and checks that it has what a deployment needs.
func ReadDefinition(text []byte) (Definition, error) {
	read := json.NewDecoder(bytes.NewReader(text))
	read.UseNumber()
	var d Definition
	if err := read.Decode(&d); err != nil {
		return nil, fail(Failed, "definition: %w", err)
	}
	if read.More() {
		return nil, fail(Failed, "definition: something follows the app")
	}
	d = withoutNulls(map[string]any(d)).(map[string]any)
	if d.id() == "" {
		return nil, fail(Failed, "definition: no id")
	}
	for _, name := range []string{groupLabel, altLabel} {
		if strings.Trim(d.label(name), " /") == "" {
			return nil, fail(MissingField, "definition: the label %s is missing", name)
		}
	}
	if _, err := strconv.Atoi(d.label(altLabel)); err != nil {
		return nil, fail(MissingField, "definition: the label %s is no port: %q", altLabel, d.label(altLabel))
	}
	if d.servicePort() == 0 {
		return nil, fail(MissingField, "definition: no service port, neither in portMappings nor in portDefinitions or ports")
	}
	return d, nil
}

// withoutNulls leaves out what is null: Marathon's own answers have such members, and it does not take them back.
func withoutNulls(v any) any {
	switch v := v.(type) {
	case Definition:
		return withoutNulls(map[string]any(v))
	case map[string]any:
		kept := make(map[string]any, len(v))
		for name, member := range v {
			if member != nil {
				kept[name] = withoutNulls(member)
			}
		}
		return kept
	case []any:
		kept := make([]any, 0, len(v))
		for _, element := range v {
			if element != nil {
				kept = append(kept, withoutNulls(element))
			}
		}
		return kept
	}
	return v
}

func (d Definition) id() string { id, _ := d["id"].(string); return id }

// label is the text of a label; one that is a number counts as its text.
func (d Definition) label(name string) string {
	labels, _ := d["labels"].(map[string]any)
	if labels[name] == nil {
		return ""
	}
	return strings.TrimSpace(fmt.Sprint(labels[name]))
}

// portPlaces are where a service port may stand, in the order zdd.py looks. A place is the names of members; a list stands for
// its first element. The last name is the port's.
var portPlaces = [][]string{
	{"container", "docker", "portMappings", "servicePort"},
	{"container", "portMappings", "servicePort"},
	{"portDefinitions", "port"},
	{"ports"},
}

// portAt is the service port at a place, 0 for none, and what sets it.
func (d Definition) portAt(place []string) (port int, set func(int)) {
	var at any = map[string]any(d)
	for _, name := range place {
		object, ok := at.(map[string]any)
		if !ok {
			return 0, nil
		}
		at, set = object[name], func(n int) { object[name] = n }
		if list, ok := at.([]any); ok {
			if len(list) == 0 {
				return 0, nil
			}
			at, set = list[0], func(n int) { list[0] = n }
		}
	}
	port, err := strconv.Atoi(fmt.Sprint(at))
	if err != nil || port < 1 || port > 65535 {
		return 0, nil
	}
	return port, set
}

func (d Definition) servicePort() int {
	for _, place := range portPlaces {
		if port, _ := d.portAt(place); port != 0 {
			return port
		}
	}
	return 0
}

func (d Definition) setServicePort(n int) {
	for _, place := range portPlaces {
		if port, set := d.portAt(place); port != 0 {
			set(n)
			return
		}
	}
}

// instances is the number of instances the file asks for; Marathon's own default is 1.
func (d Definition) instances() (int, error) {
	if d["instances"] == nil {
		return 1, nil
	}
	n, err := strconv.Atoi(fmt.Sprint(d["instances"]))
	if err != nil || n < 0 {
		return 0, fail(Failed, "definition: instances is no number: %v", d["instances"])
	}
	return n, nil
}

// checked says that the app has a health check, without which nobody can know whether its tasks serve.
func (d Definition) checked() bool {
	checks, _ := d["healthChecks"].([]any)
	return len(checks) > 0
}

// setLabels changes labels; the labels of other definitions stay what they are.
func (d Definition) setLabels(labels map[string]string) {
	old, _ := d["labels"].(map[string]any)
	all := maps.Clone(old)
	for name, text := range labels {
		all[name] = text
	}
	d["labels"] = all
}

// Text is the definition as zdd.py prints it: sorted, two blanks a level, ASCII.
func (d Definition) Text() string {
	var b bytes.Buffer
	write := json.NewEncoder(&b)
	write.SetEscapeHTML(false)
	write.SetIndent("", "  ")
	if err := write.Encode(map[string]any(d)); err != nil {
		return err.Error() // it came out of JSON, so it goes into it
	}
	var ascii strings.Builder
	for _, c := range b.String() {
		if c < 0x7f {
			ascii.WriteRune(c)
			continue
		}
		for _, unit := range utf16.Encode([]rune{c}) {
			fmt.Fprintf(&ascii, `\u%04x`, unit)
		}
	}
	return ascii.String()
}
