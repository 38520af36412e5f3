package marathontest

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

const term = `(?:\\.|[-A-Za-z0-9_.])+`

var (
	requirement = regexp.MustCompile(`^\s*(` + term + `)\s*(?:(==|!=)\s*(` + term + `)|\s(in|notin)\s*\(([^()]*)\))?\s*$`)
	comma       = regexp.MustCompile(`\\.|\([^()]*\)|,`) // those outside parentheses separate, unless escaped
	escaped     = regexp.MustCompile(`\\(.)`)
)

// parseSelector reads Marathon's label selectors: key, key==value, key!=value, key in (a,b), key notin (a,b), joined by commas.
// All forms ask that the label exists.
func parseSelector(text string) (func(labels map[string]string) bool, *Error) {
	var all []func(map[string]string) bool
	for _, part := range splitOutside(text) {
		m := requirement.FindStringSubmatch(part)
		if m == nil {
			return nil, &Error{Status: http.StatusUnprocessableEntity, Message: "label selector: cannot read " + part}
		}
		key, values := unescape(m[1]), []string{unescape(m[3])}
		if m[4] != "" {
			values = strings.Split(m[5], ",")
			for i := range values {
				values[i] = unescape(strings.TrimSpace(values[i]))
			}
		}
		any, negated := m[2]+m[4] == "", m[2] == "!=" || m[4] == "notin"
		all = append(all, func(labels map[string]string) bool {
			value, exists := labels[key]
			return exists && (any || slices.Contains(values, value) != negated)
		})
	}
	return func(labels map[string]string) bool {
		return !slices.ContainsFunc(all, func(is func(map[string]string) bool) bool { return !is(labels) })
	}, nil
}

func splitOutside(text string) (parts []string) {
	if text == "" {
		return nil
	}
	from := 0
	for _, at := range comma.FindAllStringIndex(text, -1) {
		if text[at[0]] == ',' {
			parts = append(parts, text[from:at[0]])
			from = at[1]
		}
	}
	return append(parts, text[from:])
}

func unescape(s string) string { return escaped.ReplaceAllString(s, "$1") }
