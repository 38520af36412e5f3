package marathon

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"marathon-lb/internal/route"
)

// sectionLine is the head of a section. What belongs to another one is not carried out.
func (r *reader) sectionLine(words []string) error {
	if len(words) == 0 {
		return errors.New("it has no name")
	}
	r.foreign = words[0] != backendName(r.s.app.ID, r.s.port)
	if r.foreign && r.line.Number == 1 { // renamed
		r.foreign = false
		return fmt.Errorf("the name stays %s", backendName(r.s.app.ID, r.s.port))
	}
	return nil
}

func (r *reader) modeLine(words []string) error {
	if len(words) != 1 || words[0] != string(r.s.mode) {
		return fmt.Errorf("the mode is %s", r.s.mode)
	}
	return nil
}

func (r *reader) balanceLine(words []string) error {
	if text := strings.Join(words, " "); text != r.s.balanceText() {
		r.s.hashOn = ""
		set := r.set
		set.value = text
		r.s.setBalance(set)
	}
	return nil
}

// duration reads HAProxy's times: a number, and a unit behind it or milliseconds.
func duration(words []string) (time.Duration, error) {
	if len(words) != 1 {
		return 0, errors.New("it takes one time")
	}
	digits := strings.TrimRight(words[0], "abcdefghijklmnopqrstuvwxyz")
	n, err := strconv.Atoi(digits)
	unit, known := map[string]time.Duration{
		"": time.Millisecond, "us": time.Microsecond, "ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
	}[words[0][len(digits):]]
	switch {
	case err != nil || !known || n < 0 || int64(n) > int64(30*24*time.Hour/unit):
		return 0, fmt.Errorf("%q is no time of at most 30 days", words[0])
	case n == 0:
		return 30 * 24 * time.Hour, nil // HAProxy's for ever
	}
	return time.Duration(n) * unit, nil
}

// timeout carries out one of the backend's time-outs.
func timeout(of func(*route.Directives) *time.Duration) func(*reader, []string) error {
	return func(r *reader, words []string) error {
		d, err := duration(words)
		if err == nil {
			*of(r.do) = max(d, time.Millisecond)
		}
		return err
	}
}

func (r *reader) checkTimeout(words []string) (err error) {
	if r.s.checkOf != nil {
		r.s.checkOf.Timeout, err = duration(words)
	}
	return err
}

func (r *reader) serverClose([]string) error { r.do.ServerClose = true; return nil }
func (r *reader) clientClose([]string) error { r.do.ClientClose = true; return nil }

// logAll has each request of the service logged. clf is another form, and the log's is its own.
func (r *reader) logAll(words []string) error {
	r.s.logAll = true
	if len(words) > 0 {
		return fmt.Errorf("%q is not carried out: requests are logged in the log's own form", strings.Join(words, " "))
	}
	return nil
}

// logLine says where HAProxy logs to.
func (r *reader) logLine(words []string) error {
	if len(words) == 1 && words[0] == "global" {
		return nil
	}
	return errLost
}

// forwardFor is HAProxy's own field, which is always written; another name for it is written besides.
func (r *reader) forwardFor(words []string) error {
	switch {
	case len(words) == 0:
		return nil
	case len(words) == 2 && words[0] == "header":
		if err := fieldName(words[1]); err != nil {
			return err
		}
		value, err := route.ParseFormat("%[src]")
		if err != nil {
			return err
		}
		return r.request(route.Directive{Act: route.AddHeader, Name: words[1], Value: value})
	}
	return fmt.Errorf("%q is not carried out: the field is always added", strings.Join(words, " "))
}

// errorfile names a response to be told in the place of ours.
func (r *reader) errorfile(words []string) error {
	f, err := errorFile(words)
	if err == nil {
		r.do.Errors = append(r.do.Errors, f)
	}
	return err
}

func errorFile(words []string) (f route.ErrorFile, err error) {
	if len(words) != 2 {
		return f, errors.New("it takes a status and a file")
	}
	status, err := strconv.Atoi(words[0])
	if err != nil || !slices.Contains([]int{400, 401, 403, 404, 405, 408, 410, 413, 425, 429, 500, 501, 502, 503, 504}, status) {
		return f, fmt.Errorf("%q is no status that a file can stand for", words[0])
	}
	return route.ErrorFile{Status: status, Path: words[1]}, nil
}

// cookieLine is stickiness under another name.
func (r *reader) cookieLine(words []string) error {
	if len(words) == 0 || fieldName(words[0]) != nil {
		return errors.New("it has no name that a cookie can have")
	}
	for i := 1; i < len(words); i++ {
		switch words[i] {
		case "insert", "indirect", "nocache", "httponly", "secure":
		default:
			return fmt.Errorf("%q is not carried out: the cookie is inserted, and lasts as long as the browser runs", words[i])
		}
	}
	if !slices.Contains(words[1:], "insert") {
		return errors.New("only a cookie that is inserted is carried out")
	}
	r.s.sticky, r.s.cookie = true, words[0]
	return nil
}

// stickOn keeps clients at a server by a hash: the same without a table.
func (r *reader) stickOn(words []string) error {
	if len(words) == 0 || len(words) > 1 && words[1] != "table" {
		return errLost
	}
	name, arg, _ := strings.Cut(strings.TrimSuffix(words[0], ")"), "(")
	switch {
	case name == "src":
		r.s.balance, r.s.hashOn = route.Source, ""
	case (name == "hdr" || name == "req.hdr") && fieldName(arg) == nil:
		r.s.balance, r.s.hashOn = route.Header, arg
	case (name == "url_param" || name == "urlp") && arg != "":
		r.s.balance, r.s.hashOn = route.URLParam, arg
	default:
		return errLost
	}
	return nil
}

// bindLine is that of the service port.
func (r *reader) bindLine(words []string) error {
	if len(words) == 0 {
		return errors.New("it has no address")
	}
	host, port, ok := cutLast(words[0], ":")
	if !ok || port != strconv.Itoa(r.s.port) {
		return fmt.Errorf("the service port is %d; %s moves it", r.s.port, portLabel(r.s.index, "PORT"))
	}
	if host = strings.Trim(host, "[]"); host != "" && host != "*" {
		addr, err := netip.ParseAddr(host)
		if err != nil {
			r.s.bindBad = true
			return fmt.Errorf("%q is no IP address; the service port is not opened", host)
		}
		r.s.bind = addr.Unmap()
	}
	set := r.set
	set.value = strings.Join(words[1:], " ")
	r.s.setBindOptions(set)
	return nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// httpchk is the question that probes ask.
func (r *reader) httpchk(words []string) error {
	c := r.s.checkOf
	if c == nil {
		return nil // HAProxy asks nothing, either, unless a server has the word check
	}
	c.Protocol, c.Path, c.Method = "HTTP", "/", "OPTIONS"
	switch len(words) {
	case 0:
	case 1:
		c.Path = words[0]
	default:
		c.Method, c.Path = words[0], words[1]
		return r.httpchkHead(strings.Join(words[2:], " "))
	}
	return nil
}

// httpchkHead is what may follow the version: fields, by means of line ends in the word.
func (r *reader) httpchkHead(text string) error {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for _, line := range lines[1:] {
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if err := fieldName(strings.TrimSpace(name)); err != nil || !ok {
			return fmt.Errorf("%q is no field", line)
		}
		if strings.EqualFold(name, "Host") {
			r.s.checkOf.Host = strings.TrimSpace(value)
		} else {
			r.s.checkOf.Fields += strings.TrimSpace(name) + ": " + strings.TrimSpace(value) + "\r\n"
		}
	}
	return nil
}

// expect is what a probe takes for good.
func (r *reader) expect(words []string) error {
	if len(words) != 2 || words[0] != "status" {
		return errors.New(`only "status" and a number, or numbers, are carried out`)
	}
	if r.s.checkOf == nil {
		return nil
	}
	for _, part := range strings.Split(words[1], ",") {
		low, high, _ := strings.Cut(part, "-")
		from, err1 := strconv.Atoi(low)
		to, err2 := strconv.Atoi(cmp.Or(high, low))
		if err1 != nil || err2 != nil || from < 100 || to > 599 || from > to {
			return fmt.Errorf("%q is no status", part)
		}
	}
	r.s.checkOf.Expect = words[1]
	return nil
}
