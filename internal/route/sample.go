package route

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"marathon-lb/internal/hacfg"
)

// valueType is what a fetch gives, and so how an acl compares it unless told otherwise.
type valueType string

const (
	text    valueType = "str"
	number  valueType = "int"
	boolean valueType = "bool"
	address valueType = "ip"
)

// Scope says when a fetch can be asked.
type Scope uint8

// The scopes.
const (
	OfConnection Scope = iota // whatever the mode
	OfRequest                 // mode http
	OfResponse                // once there is one
)

// fetch is a row of the table of sample fetches.
type fetch struct {
	gives valueType
	scope Scope
	args  int  // at least so many
	forms bool // there are _beg, _end and the like of it
	first bool // outside of acls the first value counts, and not the last
	kept  bool // of a request it is still known when there is a response
	get   func(r *Request, s *Response, args []string) []string
	as    convert // of each value, nil for as it is
	doc   string
}

func one(value string) []string { return []string{value} }

func flag(b bool) []string {
	if b {
		return one("1")
	}
	return one("0")
}

// oneIf is a value where there is one.
func oneIf(there bool, value string) []string {
	if !there {
		return nil
	}
	return one(value)
}

func lengthOf(list []string) []string { return one(strconv.Itoa(len(list))) }

// occurrence chooses among values: the first argument after the name counts from 1, or with a minus from the end.
func occurrence(values, args []string) []string {
	if len(args) < 2 || len(values) == 0 {
		return values
	}
	n, _ := strconv.Atoi(args[1])
	if n == 0 {
		return values
	}
	if n < 0 {
		n += len(values) + 1
	}
	if n < 1 || n > len(values) {
		return nil
	}
	return values[n-1 : n]
}

// fetches is the table of what expressions and acls may ask for.
var fetches = map[string]fetch{
	"always_true":  {gives: boolean, get: func(*Request, *Response, []string) []string { return flag(true) }},
	"always_false": {gives: boolean, get: func(*Request, *Response, []string) []string { return flag(false) }},
	"str":          {gives: text, args: 1, get: func(_ *Request, _ *Response, a []string) []string { return one(a[0]) }},
	"int":          {gives: number, args: 1, get: func(_ *Request, _ *Response, a []string) []string { return one(a[0]) }, as: always(asNumber)},
	"bool":         {gives: boolean, args: 1, get: func(_ *Request, _ *Response, a []string) []string { return flag(a[0] == "1" || a[0] == "true") }},
	"src": {gives: address, doc: "the client's address", get: func(r *Request, _ *Response, _ []string) []string {
		return one(r.Source.Addr().Unmap().String())
	}},
	"src_port": {gives: number, get: func(r *Request, _ *Response, _ []string) []string { return one(itoa(int(r.Source.Port()))) }},
	"dst":      {gives: address, get: func(r *Request, _ *Response, _ []string) []string { return one(r.Local.Addr().Unmap().String()) }},
	"dst_port": {gives: number, get: func(r *Request, _ *Response, _ []string) []string {
		return one(cmp.Or(r.Port, itoa(int(r.Local.Port()))))
	}},
	"ssl_fc": {gives: boolean, get: func(r *Request, _ *Response, _ []string) []string { return flag(r.TLS) }},
	"ssl_fc_sni": {gives: text, scope: OfRequest, forms: true, kept: true, doc: "the host that is asked for over TLS: SNI only chooses the certificate", get: func(r *Request, _ *Response, _ []string) []string {
		return oneIf(r.TLS, NormalHost(r.Get("Host")))
	}},
	"method": {gives: text, scope: OfRequest, kept: true, get: func(r *Request, _ *Response, _ []string) []string { return one(r.Method) }},
	"path":   {gives: text, scope: OfRequest, forms: true, get: func(r *Request, _ *Response, _ []string) []string { return oneIf(r.hasPath(), r.Path) }},
	"pathq":  {gives: text, scope: OfRequest, forms: true, get: func(r *Request, _ *Response, _ []string) []string { return oneIf(r.hasPath(), r.target()) }},
	"capture.req.uri": {gives: text, scope: OfRequest, kept: true, doc: "path and query as the client sent them", get: func(r *Request, _ *Response, _ []string) []string {
		sent := cmp.Or(r.sent, r.target())
		return oneIf(sent != "*", sent)
	}},
	"capture.req.method": {gives: text, scope: OfRequest, kept: true, get: func(r *Request, _ *Response, _ []string) []string { return one(r.Method) }},
	"query": {gives: text, scope: OfRequest, get: func(r *Request, _ *Response, _ []string) []string {
		return oneIf(r.Query != "", strings.TrimPrefix(r.Query, "?"))
	}},
	"base": {gives: text, scope: OfRequest, forms: true, get: func(r *Request, _ *Response, _ []string) []string {
		return one(r.Get("Host") + strings.TrimPrefix(r.Path, "*"))
	}},
	"urlp": {gives: text, scope: OfRequest, args: 1, forms: true, first: true, get: func(r *Request, _ *Response, a []string) []string {
		return r.parameters(a[0])
	}},
	"req.hdr":  {gives: text, scope: OfRequest, args: 1, forms: true, get: func(r *Request, _ *Response, a []string) []string { return occurrence(r.elements(a[0]), a) }},
	"req.fhdr": {gives: text, scope: OfRequest, args: 1, get: func(r *Request, _ *Response, a []string) []string { return occurrence(r.all(a[0]), a) }},
	"req.hdr_cnt": {gives: number, scope: OfRequest, args: 1, get: func(r *Request, _ *Response, a []string) []string {
		return lengthOf(r.elements(a[0]))
	}},
	"req.hdr_val": {gives: number, scope: OfRequest, args: 1, as: always(asNumber), get: func(r *Request, _ *Response, a []string) []string {
		return occurrence(r.elements(a[0]), a)
	}},
	"req.hdr_ip": {gives: address, scope: OfRequest, args: 1, as: asAddress, get: func(r *Request, _ *Response, a []string) []string {
		return occurrence(r.elements(a[0]), a)
	}},
	"req.cook": {gives: text, scope: OfRequest, args: 1, forms: true, get: func(r *Request, _ *Response, a []string) []string {
		return cookies(r.all("Cookie"), a[0])
	}},
	"req.ver": {gives: text, scope: OfRequest, get: func(r *Request, _ *Response, _ []string) []string {
		return one(cmp.Or(r.Version, "1.1"))
	}},
	"req.proto_http": {gives: boolean, scope: OfRequest, kept: true, get: func(*Request, *Response, []string) []string { return flag(true) }},
	"status":         {gives: number, scope: OfResponse, get: func(_ *Request, s *Response, _ []string) []string { return one(itoa(s.Status)) }},
	"res.hdr":        {gives: text, scope: OfResponse, args: 1, forms: true, get: func(_ *Request, s *Response, a []string) []string { return occurrence(s.elements(a[0]), a) }},
	"res.fhdr":       {gives: text, scope: OfResponse, args: 1, get: func(_ *Request, s *Response, a []string) []string { return occurrence(s.all(a[0]), a) }},
	"res.hdr_cnt":    {gives: number, scope: OfResponse, args: 1, get: func(_ *Request, s *Response, a []string) []string { return lengthOf(s.elements(a[0])) }},
}

// otherNames are what fetches are called besides.
var otherNames = map[string]string{
	"hdr": "req.hdr", "hdr_cnt": "req.hdr_cnt", "hdr_val": "req.hdr_val", "hdr_ip": "req.hdr_ip", "cook": "req.cook", "url_param": "urlp", "url": "pathq",
	"shdr": "res.hdr", "shdr_cnt": "res.hdr_cnt", "req_ver": "req.ver", "req_proto_http": "req.proto_http",
}

// Sample is a fetch and its converters, ready to be asked.
type Sample struct {
	expression hacfg.Expression // with the fetch's own name
	fetch      fetch
	converters []convert
	gives      valueType // in the end
	either     bool      // it has the name of a fetch that is another one of responses
}

// parseSample gives a meaning to an expression; kind is the match that the form of its name asks for, as path_beg does.
func parseSample(e *hacfg.Expression) (s *Sample, kind string, err error) {
	s = &Sample{expression: *e}
	name := e.Name
	if other := otherNames[name]; other != "" {
		name = other
	}
	f, known := fetches[name]
	if !known {
		if at := strings.LastIndexByte(name, '_'); at > 0 {
			base := name[:at]
			if other := otherNames[base]; other != "" {
				base = other
			}
			if f = fetches[base]; f.forms && isForm(name[at+1:]) {
				name, kind, known = base, name[at+1:], true
			}
		}
	}
	if !known {
		return nil, "", fmt.Errorf("%q is not known here", e.Name)
	}
	if len(e.Args) < f.args || f.args > 0 && e.Args[0] == "" {
		return nil, "", fmt.Errorf("%s does not say of what", e.Name)
	}
	s.fetch, s.expression.Name, s.gives = f, name, f.gives
	s.either = e.Name == "hdr"
	if f.as != nil {
		s.converters = append(s.converters, f.as)
	}
	for _, c := range e.Then {
		convert, err := converter(c)
		if err != nil {
			return nil, "", err
		}
		s.converters = append(s.converters, convert)
		if s.gives = text; c.Name == "length" {
			s.gives = number
		}
	}
	return s, kind, nil
}

func isForm(suffix string) bool {
	switch suffix {
	case "beg", "end", "sub", "reg", "dir", "dom", "len":
		return true
	}
	return false
}

// values are all that there are, none if there is nothing of the kind.
func (s *Sample) values(r *Request, a *Response) []string { return s.converted(s.fetched(r, a)) }

// value is the last of the values, of a parameter the first, and empty if there is none: so HAProxy has it outside of acls.
func (s *Sample) value(r *Request, a *Response) string {
	values := s.fetched(r, a)
	switch {
	case len(values) == 0:
		return ""
	case s.fetch.first:
		values = values[:1]
	default:
		values = values[len(values)-1:]
	}
	return strings.Join(s.converted(values), "")
}

func (s *Sample) fetched(r *Request, a *Response) []string {
	if s.fetch.scope == OfResponse && a == nil {
		return nil
	}
	return s.fetch.get(r, a, s.expression.Args)
}

func (s *Sample) converted(values []string) []string {
	for _, convert := range s.converters {
		converted := make([]string, 0, len(values))
		for _, v := range values {
			if v, ok := convert(v); ok {
				converted = append(converted, v)
			}
		}
		values = converted
	}
	return values
}

// substitute puts to in the place of the first match, or of all.
func substitute(re *regexp.Regexp, v, to string, all bool) string {
	n := 1
	if all {
		n = -1
	}
	var b strings.Builder
	last := 0
	for _, m := range re.FindAllStringSubmatchIndex(v, n) {
		b.WriteString(v[last:m[0]])
		b.WriteString(expand(to, v, m))
		last = m[1]
	}
	return b.String() + v[last:]
}

// expand is a replacement with its references: \1 is the first group, \0 all that matched.
func expand(to, v string, match []int) string {
	if !strings.Contains(to, `\`) {
		return to
	}
	var b strings.Builder
	for i := 0; i < len(to); i++ {
		if to[i] != '\\' || i+1 == len(to) {
			b.WriteByte(to[i])
			continue
		}
		i++
		c := to[i]
		if c < '0' || c > '9' {
			b.WriteByte(c)
		} else if n := 2 * int(c-'0'); n < len(match) && match[n] >= 0 {
			b.WriteString(v[match[n]:match[n+1]])
		}
	}
	return b.String()
}

// ofResponse is the sample as a rule for responses asks for it: hdr is of the response then. Most of the request is gone by then, as it is to HAProxy.
func (s *Sample) ofResponse() (*Sample, error) {
	switch {
	case s.either:
		n := *s
		n.expression.Name, n.fetch = "res.hdr", fetches["res.hdr"]
		return &n, nil
	case s.fetch.scope == OfRequest && !s.fetch.kept:
		return nil, fmt.Errorf("%s is of the request, which is gone when there is a response: only capture.req.uri and method are known then", s.expression.String())
	}
	return s, nil
}

// Fetches are the names of what can be asked, sorted, with their other names, and a * behind those that have forms.
func Fetches() []string {
	others := map[string][]string{}
	for other, name := range otherNames {
		others[name] = append(others[name], other)
	}
	var all []string
	for name, f := range fetches {
		slices.Sort(others[name])
		line := strings.Join(append([]string{name}, others[name]...), ", ")
		if f.forms {
			line += " *"
		}
		if f.doc != "" {
			line += ": " + f.doc
		}
		all = append(all, line)
	}
	slices.Sort(all)
	return all
}
