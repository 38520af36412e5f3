package route

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

// Field is a line of a head.
type Field struct{ Name, Value string }

// Head is the fields of a message while directives look at them and change them.
type Head struct {
	Fields  []Field
	Written []string // names of those that directives wrote or took away
}

// Request is a request as directives see it and change it. The Host field is among its fields.
type Request struct {
	Head
	Method        string
	Path          string // not decoded, without the query
	Query         string // with its "?", empty if there is none
	Source, Local netip.AddrPort
	Port          string // the one that the client meant, where a PROXY header may name another than Local's; else empty
	TLS           bool
	Version       string // of HTTP, 1.1 if it is empty
	sent          string // the target before it was changed, empty if it was not
}

// Response is a response as directives see it and change it.
type Response struct {
	Head
	Status int
}

// all are the values of the fields of a name, whole lines.
func (h *Head) all(name string) (values []string) {
	for _, f := range h.Fields {
		if strings.EqualFold(f.Name, name) {
			values = append(values, f.Value)
		}
	}
	return values
}

// Get is the value of the first field of a name, empty if there is none.
func (h *Head) Get(name string) string {
	for _, f := range h.Fields {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// elements are the elements of the fields of a name as comma-separated lists.
func (h *Head) elements(name string) (values []string) {
	for _, line := range h.all(name) {
		values = append(values, splitList(line)...)
	}
	return values
}

// splitList splits at commas outside quotes, and takes blanks off.
func splitList(line string) []string {
	elements := splitCommas(line)
	for i, e := range elements {
		elements[i] = strings.TrimSpace(e)
	}
	return elements
}

func splitCommas(line string) (elements []string) {
	begin, quoted := 0, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			elements, begin = append(elements, line[begin:i]), i+1
		}
	}
	return append(elements, line[begin:])
}

func (h *Head) wrote(name string) {
	if !slices.ContainsFunc(h.Written, func(w string) bool { return strings.EqualFold(w, name) }) {
		h.Written = append(h.Written, name)
	}
}

func (h *Head) del(name string) {
	h.wrote(name)
	h.Fields = slices.DeleteFunc(h.Fields, func(f Field) bool { return strings.EqualFold(f.Name, name) })
}

func (h *Head) add(name, value string) {
	h.wrote(name)
	h.Fields = append(h.Fields, Field{name, value})
}

// change puts other values in the place of a field's, line by line.
func (h *Head) change(name string, to func(string) string) {
	for i, f := range h.Fields {
		if !strings.EqualFold(f.Name, name) {
			continue
		}
		if value := clean(to(f.Value)); value != f.Value {
			h.Fields[i].Value = value
			h.wrote(name)
		}
	}
}

// clean is a value as a field may have it: what would end the line becomes a blank. Parts of it may come from the client.
func clean(value string) string {
	if strings.ContainsAny(value, "\r\n\x00") {
		value = strings.NewReplacer("\r", " ", "\n", " ", "\x00", " ").Replace(value)
	}
	return strings.TrimSpace(value)
}

// target is the path and the query.
func (r *Request) target() string { return r.Path + r.Query }

// hasPath says that the target is one: that of OPTIONS * is not.
func (r *Request) hasPath() bool { return strings.HasPrefix(r.Path, "/") }

func (r *Request) setTarget(target string) {
	r.sent = cmp.Or(r.sent, r.target())
	target = cleanTarget(target)
	r.Path, r.Query = target, ""
	if i := strings.IndexByte(target, '?'); i >= 0 {
		r.Path, r.Query = target[:i], target[i:]
	}
	if r.Path == "" {
		r.Path = "/"
	}
}

// cleanTarget escapes what would end a request's target, or its line.
func cleanTarget(target string) string {
	if strings.IndexFunc(target, isControl) < 0 {
		return target
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(target) {
		if c := target[i]; isControl(rune(c)) {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func isControl(c rune) bool { return c <= ' ' || c == 0x7f }

// cookies are the values of the cookies of a name in the fields of a name. As to HAProxy, blanks around the = are none of theirs, quotes protect, a , ends one
// as a ; does, what begins with $ is none, nor is an empty one at the end.
func cookies(lines []string, name string) (values []string) {
	for _, line := range lines {
		for line != "" {
			equal := strings.IndexAny(line, "=;,")
			if equal < 0 {
				break
			}
			if line[equal] != '=' {
				line = line[equal+1:]
				continue
			}
			key, rest := strings.Trim(line[:equal], " \t"), line[equal+1:]
			end := cookieEnd(rest)
			if key == name && !strings.HasPrefix(key, "$") && rest != "" {
				values = append(values, strings.Trim(rest[:end], " \t"))
			}
			line = rest[min(end+1, len(rest)):]
		}
	}
	return values
}

// cookieEnd is where the value of a cookie ends.
func cookieEnd(text string) int {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case (c == ';' || c == ',') && !quoted:
			return i
		}
	}
	return len(text)
}

// parameters are the values of the query's parameters of a name, as sent. Like &, a ; or another ? ends one, and what has no = is none.
func (r *Request) parameters(name string) (values []string) {
	for _, pair := range strings.FieldsFunc(r.Query, func(c rune) bool { return c == '&' || c == ';' || c == '?' }) {
		if k, v, ok := strings.Cut(pair, "="); ok && k == name {
			values = append(values, v)
		}
	}
	return values
}
