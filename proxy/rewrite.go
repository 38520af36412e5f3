package proxy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"marathon-lb/internal/route"
)

// upstreamPath is the path as the server sees it, with the prefix of HTTP_BACKEND_PROXYPASS_PATH taken off: without case and not
// segment-aware, as Marathon-LB's regular expression had it (marathon-lb.md 5.6).
func upstreamPath(path, strip string) string {
	if strip == "" || len(path) < len(strip) || !strings.EqualFold(path[:len(strip)], strip) {
		return path
	}
	return "/" + strings.TrimPrefix(path[len(strip):], "/")
}

// escapeStrange escapes the bytes that no path may have. The HTTP library would escape the whole path anew on meeting one, and "%2f" would
// become a "/".
func escapeStrange(path string) string {
	var b strings.Builder
	for i := range len(path) {
		if c := path[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"#<>?\\^`{|}", c) >= 0 || c == '%' && !isEscape(path[i:]) {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// isEscape says that a text begins with a byte as URLs escape it.
func isEscape(text string) bool {
	if len(text) < 3 {
		return false
	}
	_, err := strconv.ParseUint(text[1:3], 16, 8)
	return err == nil
}

// rewriteLocation puts the path of HTTP_BACKEND_REVPROXY_PATH into the Location fields of a response. There should be one; each of several
// stays one.
func rewriteLocation(edits []Edit, fields []Field, w route.Rewrite) []Edit {
	changed, begin := false, len(edits)
	edits = append(edits, Edit{Op: Remove, Name: "Location"})
	for _, f := range fields {
		if f.is("Location") {
			to := publicLocation(f.Value, w)
			changed = changed || to != f.Value
			edits = append(edits, Edit{Add, "Location", to})
		}
	}
	if !changed {
		return edits[:begin]
	}
	return edits
}

// publicLocation is a Location as clients see it: if it leads to the service itself, the prefix comes before its path, never twice.
func publicLocation(value string, w route.Rewrite) string {
	path, ours := servicePath(value, w.Hosts)
	prefix := strings.TrimSuffix(w.Location, "/")
	if !ours || path == prefix || strings.HasPrefix(path, prefix) && strings.ContainsRune("/?#", rune(path[len(prefix)])) {
		return value
	}
	return prefix + path
}

// servicePath is the path, and what follows it, of a Location, and whether that leads to one of the hosts or names none.
func servicePath(value string, hosts []string) (path string, ours bool) {
	rest := value
	for _, scheme := range []string{"http:", "https:"} {
		if len(rest) >= len(scheme) && strings.EqualFold(rest[:len(scheme)], scheme) {
			rest = rest[len(scheme):]
			break
		}
	}
	authority, absolute := strings.CutPrefix(rest, "//")
	if !absolute {
		return value, strings.HasPrefix(value, "/")
	}
	end := strings.IndexAny(authority, "/?#")
	if end < 0 {
		end = len(authority)
	}
	path = authority[end:]
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return path, route.HostIn(hosts, route.NormalHost(authority[:end]))
}

func hasField(fields []Field, name string) bool {
	return slices.ContainsFunc(fields, func(f Field) bool { return f.is(name) })
}
