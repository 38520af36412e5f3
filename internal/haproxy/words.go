package haproxy

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"marathon-lb/internal/route"
)

// word is foreign text as one word of a line: what could mean more than itself is quoted. A zero byte has no place in a configuration; it
// becomes a byte that the text is not meant to be found with either.
func word(text string) string {
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("_-./:@%+=,*~", c)
	}
	odd := func(c rune) bool { return !plain(c) }
	switch {
	case text != "" && !strings.ContainsFunc(text, odd):
		return text
	case !strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c >= 0x7f || c == '\'' || c == '"' }):
		return "'" + text + "'"
	}
	var b strings.Builder
	for _, c := range []byte(text) {
		if plain(rune(c)) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, `\x%02x`, max(c, 1))
		}
	}
	return b.String()
}

// condition is one that compares with a foreign text, which is never taken for a flag or the condition's end. What would be holds for nothing:
// no request has such a host or path.
func condition(fetch, text string) string {
	switch {
	case text == "" || text == "}":
		return "always_false"
	case text[0] == '-' || text[0] == '(': // HAProxy warns of the latter
		fetch += " --"
	}
	return fetch + " " + word(text)
}

// format is a word where HAProxy looks for expressions: it means only itself.
func format(text string) string { return word(strings.ReplaceAll(text, "%", "%%")) }

// literal is a text in a regular expression.
func literal(text string) string { return regexp.QuoteMeta(text) }

// span is a length of time.
func span(d time.Duration) string {
	d = min(d, route.Longest)
	if d%time.Second == 0 {
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return fmt.Sprintf("%dms", d.Milliseconds())
}
