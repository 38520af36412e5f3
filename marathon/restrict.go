package marathon

import (
	"regexp"
	"slices"
	"strings"
)

// restriction is what in a line of HAProxy's language keeps somebody out: denial, authentication, lists of addresses, client
// certificates.
var restriction = regexp.MustCompile(`(?i)(^|[\s{!(])(deny|reject|tarpit|silent-drop|block|auth|http_auth|http_auth_group|ssl_c_\w+)\b` +
	`|(^|\s)(verify\s+required|ca-file)\b|^acl\s+\S+\s+src\b|\{\s*!?\s*src\b`)

// RestrictingLine is the first line of a template that restricts access, or ends TLS, on a port; empty if none does.
func RestrictingLine(text string) string {
	for line := range strings.Lines(strings.ReplaceAll(text, `\n`, "\n")) {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if restriction.MatchString(strings.Join(words, " ")) || words[0] == "bind" && bindLineRestricts(words[1:]) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// bindLineRestricts says that a bind line is for one address only, or for TLS.
func bindLineRestricts(words []string) bool {
	if len(words) == 0 {
		return false
	}
	host, _, _ := strings.Cut(words[0], ":")
	everywhere := slices.Contains([]string{"", "*", "{bindAddr}", "0.0.0.0", "[", "[0"}, host)
	return !everywhere || bindRestricts(strings.Join(words[1:], " "))
}

// bindRestricts says that options of a bind line ask for TLS, for client certificates or for one interface only.
func bindRestricts(options string) bool {
	return slices.ContainsFunc(strings.Fields(strings.ToLower(options)), func(word string) bool {
		return slices.Contains([]string{"ssl", "verify", "ca-file", "crt", "crt-list", "interface", "namespace"}, word)
	})
}
