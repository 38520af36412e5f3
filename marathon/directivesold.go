package marathon

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"marathon-lb/internal/route"
)

// The words of HAProxy before 2.1 that work on whole lines of a head. Each is turned into the rule of today that does the same; a line
// for which there is none is not carried out.

var errWholeHead = errors.New("only expressions that begin with ^, and then with the name of a field or with the method, are carried out")

// methodPart is how expressions for the request line pass the method.
var methodPart = regexp.MustCompile(`^\^(\((?:\[\^ ?:?\]\*|\[\^: \]\*|\[A-Z\]\+|\\w\+|\.\*)\)|\[\^ ?:?\]\*|\w+) `)

// fieldPart is how expressions for a field begin.
var fieldPart = regexp.MustCompile(`^\^([A-Za-z0-9_-]+):?( ?)`)

// version is how expressions for the request line end.
var version = regexp.MustCompile(`(\\ | )HTTP/?(1(\.|\\\.)?(\[01\]|0|1|\.)?)?\$?$`)

func folded(expression string, fold bool) (*regexp.Regexp, error) {
	if fold {
		expression = "(?i)" + expression
	}
	return regexp.Compile(expression)
}

// onRequestLine is an expression for the request line as one for the target, with what replaces it. groups says how many groups went.
func onRequestLine(expression string) (target string, groups int, method string, ok bool) {
	m := methodPart.FindStringSubmatch(expression)
	if m == nil {
		return "", 0, "", false
	}
	rest := version.ReplaceAllString(expression[len(m[0]):], "")
	switch {
	case strings.HasPrefix(m[1], "("):
		groups = 1
	case !strings.HasPrefix(m[1], "["):
		method = m[1]
	}
	return "^" + rest, groups, method, true
}

// renumbered is a replacement for the target: the method stands before it, and references count from the group behind that.
func renumbered(to string, groups int, method string) (string, bool) {
	first := method
	if groups == 1 {
		first = `\1`
	}
	rest, ok := strings.CutPrefix(to, first+" ")
	if !ok || first == "" {
		return "", false
	}
	rest = version.ReplaceAllString(rest, "")
	var b strings.Builder
	for i := 0; i < len(rest); i++ {
		if c := rest[i]; c == '\\' && i+1 < len(rest) && rest[i+1] >= '0' && rest[i+1] <= '9' {
			i++
			if n := int(rest[i]-'0') - groups; n >= 1 {
				fmt.Fprintf(&b, `\%d`, n)
				continue
			}
			return "", false
		}
		b.WriteByte(rest[i])
	}
	return b.String(), true
}

// literal is a text as one with expressions, without any.
func literal(to string) (route.Format, error) {
	return route.ParseFormat(strings.ReplaceAll(to, "%", "%%"))
}

// reqrep replaces the request line or a field.
func reqrep(fold bool) func(*reader, []string) error {
	return func(r *reader, words []string) error {
		if len(words) != 2 {
			return errors.New("it takes an expression and what to put in its place")
		}
		if on, groups, method, ok := onRequestLine(words[0]); ok {
			to, ok := renumbered(words[1], groups, method)
			if !ok {
				return errWholeHead
			}
			re, err := folded(on, fold)
			if err != nil {
				return err
			}
			value, err := literal(to)
			if err != nil {
				return err
			}
			return r.request(route.Directive{Act: route.ReplaceURI, Match: re, Value: value})
		}
		d, err := fieldLine(words, fold)
		if err != nil {
			return err
		}
		return r.request(d)
	}
}

// rsprep replaces a field of a response.
func rsprep(fold bool) func(*reader, []string) error {
	return func(r *reader, words []string) error {
		if len(words) != 2 {
			return errors.New("it takes an expression and what to put in its place")
		}
		d, err := fieldLine(words, fold)
		if err != nil {
			return err
		}
		return r.response(d)
	}
}

// fieldLine is the replacement of a line whose name stays.
func fieldLine(words []string, fold bool) (d route.Directive, err error) {
	m := fieldPart.FindStringSubmatch(words[0])
	if m == nil || !strings.HasSuffix(strings.TrimSuffix(m[0], " "), ":") {
		return d, errWholeHead
	}
	name, to, ok := strings.Cut(words[1], ":")
	if !ok || !strings.EqualFold(name, m[1]) {
		return d, errors.New("the name of the field changes, which is not carried out")
	}
	d = route.Directive{Act: route.ReplaceHeader, Name: m[1]}
	if err = fieldName(d.Name); err != nil {
		return d, err
	}
	if d.Match, err = folded("^"+words[0][len(m[0]):], fold); err == nil {
		d.Value, err = literal(strings.TrimSpace(to))
	}
	return d, err
}

// headerLine is a whole line to be added.
func headerLine(words []string) (d route.Directive, err error) {
	name, value, ok := strings.Cut(strings.Join(words, " "), ":")
	if !ok {
		return d, errors.New("it takes a name, a colon and a value")
	}
	d = route.Directive{Act: route.AddHeader, Name: strings.TrimSpace(name)}
	if err = fieldName(d.Name); err == nil {
		d.Value, err = literal(strings.TrimSpace(value))
	}
	return d, err
}

func (r *reader) reqadd(words []string) error {
	d, err := headerLine(words)
	switch {
	case err != nil:
		return err
	case strings.EqualFold(d.Name, "Host"):
		return errors.New("a request has one Host, no more and no less")
	case strings.EqualFold(d.Name, "X-Forwarded-Proto"):
		d.Act = route.SetHeader
	}
	return r.request(d)
}

func (r *reader) rspadd(words []string) error {
	d, err := headerLine(words)
	if err != nil {
		return err
	}
	return r.response(d)
}

// delLine is the removal of fields of a name, whatever they hold.
func delLine(words []string) (d route.Directive, err error) {
	if len(words) != 1 {
		return d, errors.New("it takes an expression")
	}
	m := fieldPart.FindStringSubmatch(words[0])
	if m == nil || !strings.Contains(words[0], ":") {
		return d, errWholeHead
	}
	if rest := words[0][len(m[0]):]; rest != "" && rest != ".*" && rest != ".*$" {
		return d, errors.New("only the removal of all fields of a name is carried out, not by what they hold")
	}
	d = route.Directive{Act: route.DelHeader, Name: m[1]}
	return d, fieldName(d.Name)
}

func (r *reader) reqdel(words []string) error {
	d, err := delLine(words)
	switch {
	case err != nil:
		return err
	case strings.EqualFold(d.Name, "Host"):
		return errors.New("a request has one Host, no more and no less")
	}
	return r.request(d)
}

func (r *reader) rspdel(words []string) error {
	d, err := delLine(words)
	if err != nil {
		return err
	}
	return r.response(d)
}

// reqdeny refuses requests of which a line matches.
func reqdeny(code int, fold bool) func(*reader, []string) error {
	return func(r *reader, words []string) error {
		if len(words) != 1 {
			return errors.New("it takes an expression")
		}
		test, flags := []string{"url"}, []string{"-m", "reg"}
		if fold {
			flags = append(flags, "-i")
		}
		on, _, method, ok := onRequestLine(words[0])
		if m := fieldPart.FindStringSubmatch(words[0]); !ok && m != nil && strings.Contains(m[0], ":") {
			test, on, ok = []string{"req.fhdr(" + m[1] + ")"}, "^"+words[0][len(m[0]):], true
		}
		if !ok {
			return errWholeHead
		}
		t, err := route.ParseTest(append(append(test, flags...), "--", on))
		if err != nil {
			return err
		}
		c, err := r.requestCondition()
		if err != nil {
			return err
		}
		if c, ok = c.And(t); ok && method != "" {
			if t, err = route.ParseTest([]string{"method", "--", method}); err != nil {
				return err
			}
			c, ok = c.And(t)
		}
		if !ok {
			return errors.New("the condition has too many alternatives")
		}
		r.rules = append(r.rules, route.Directive{Act: route.Deny, Code: code, If: c})
		return nil
	}
}
