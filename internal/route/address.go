package route

import "strings"

// Address is the URL of a question, taken apart. Nothing of it is decoded, escaped or judged: what looks odd is what is asked about.
type Address struct {
	Scheme string // in lower case; http where the URL has none
	User   string // what is before "@"
	Host   string // with its port
	Target string // path and query as a client asks for them; what follows "#" is its own
}

// Address takes the target apart where RFC 3986 (3) does.
func (q Question) Address() Address {
	a, rest := Address{Scheme: "http"}, q.Target
	if i := strings.IndexAny(rest, ":/?#"); i >= 0 && strings.HasPrefix(rest[i:], "://") {
		a.Scheme, rest = strings.ToLower(rest[:i]), rest[i+len("://"):]
	}
	rest, _, _ = strings.Cut(rest, "#")
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	a.Host, a.Target = rest[:end], rest[end:]
	if at := strings.LastIndexByte(a.Host, '@'); at >= 0 {
		a.User, a.Host = a.Host[:at], a.Host[at+1:]
	}
	if !strings.HasPrefix(a.Target, "/") {
		a.Target = "/" + a.Target
	}
	return a
}

// Shown is the target without a password.
func (q Question) Shown() string {
	user := q.Address().User
	name, _, has := strings.Cut(user, ":")
	if !has {
		return q.Target
	}
	return strings.Replace(q.Target, user+"@", name+":xxxxx@", 1)
}
