package marathon

import (
	"regexp"
	"slices"
	"strings"
)

// restriction is what in a line of HAProxy's language keeps somebody out: denial, authentication, lists of addresses (those a proxy
// in front tells of, too), client certificates.
var restriction = regexp.MustCompile(`(?i)(^|[\s{!(])(deny|reject|tarpit|silent-drop|block|auth|http_auth|http_auth_group|ssl_c_\w+)\b` +
	`|(^|\s)(verify\s+required|ca-file)\b|^acl\s+\S+\s+src\b|\{\s*!?\s*src\b` +
	`|(^acl\s+\S+\s+|\{\s*!?\s*)((req|http_first_req)\.)?hdr_ip\b|\breturn\s+status\s+[45]\d\d\b`)

// unquoted takes the quotes away that HAProxy allows around words.
var unquoted = strings.NewReplacer(`"`, "", `'`, "")

// byLabel are lines that a template may have because a label asks for what they do: AUTH and the allow-list are carried out
// without the template.
var byLabel = []struct{ template, line *regexp.Regexp }{
	{regexp.MustCompile(`AUTH|USERLIST`), regexp.MustCompile(`(?i)^(acl auth_\S+ http_auth\(user_\S+\)|http-request auth realm .*!auth_\S+|userlist\b.*|user\b.*|group\b.*)$`)},
	{regexp.MustCompile(`NETWORK_ALLOWED_ACL$`), regexp.MustCompile(`^acl network_allowed src \{network_allowed\}$`)},
	{regexp.MustCompile(`ACL_ALLOW_DENY$`), regexp.MustCompile(`(?i)^(http-request deny|tcp-request content reject)( unless network_allowed| if !\s?network_allowed)?$`)},
}

// expected is what a frontend of :443 has anyway: TLS, certificates, and the inner socket of a vhost where they are grouped.
var expected = regexp.MustCompile(`\bssl\b|\bcrt\s+\S+|\bverify\s+none\b|\babns@\S+`)

// RestrictingLine is the first line of a template, by its name without HAPROXY_, that restricts access beyond what labels ask for, or
// ends TLS, on a port; empty if none does.
func RestrictingLine(name, text string) string {
	if strings.HasPrefix(name, "HTTPS_") {
		text = expected.ReplaceAllString(text, "*")
	}
	for line := range strings.Lines(strings.ReplaceAll(text, `\n`, "\n")) {
		words := strings.Fields(unquoted.Replace(line))
		if len(words) == 0 || strings.HasPrefix(words[0], "#") || asked(name, strings.Join(words, " ")) {
			continue
		}
		if restriction.MatchString(strings.Join(words, " ")) || words[0] == "bind" && bindLineRestricts(words[1:]) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// asked says that a label asks for what a line of a template does.
func asked(name, line string) bool {
	return slices.ContainsFunc(byLabel, func(l struct{ template, line *regexp.Regexp }) bool {
		return l.template.MatchString(name) && l.line.MatchString(line)
	})
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
		return slices.Contains([]string{"ssl", "verify", "ca-file", "crl-file", "ca-verify-file", "crt", "crt-list", "interface", "namespace"}, word)
	})
}
