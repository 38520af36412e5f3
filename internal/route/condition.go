package route

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"marathon-lb/internal/hacfg"
)

var errFormIsForACL = errors.New("a form such as path_beg belongs into an acl")

// Test is one question of an acl: what is looked at, how it is compared, and with what.
type Test struct {
	sample   *Sample
	kind     string // HAProxy's -m
	fold     bool
	patterns []string
	regexps  []*regexp.Regexp
	networks []netip.Prefix
	ranges   [][2]int64
}

// ParseTest reads the words of a test: path_beg -i /a /b.
func ParseTest(words []string) (*Test, error) {
	if len(words) == 0 {
		return nil, errors.New("there is nothing to test")
	}
	e, err := hacfg.ParseExpression(words[0])
	if err != nil {
		return nil, err
	}
	t := &Test{}
	if t.sample, t.kind, err = parseSample(e); err != nil {
		return nil, err
	}
	if words, err = t.flags(words[1:]); err != nil {
		return nil, err
	}
	if t.kind == "" {
		t.kind = string(t.sample.gives)
	}
	if end := slices.Index(words, ""); end >= 0 { // to HAProxy an empty word is the end of the line
		words = words[:end]
	}
	t.patterns = words
	return t, t.compile()
}

// OnPort is the test for the port that a connection came in by: dst_port, whatever a PROXY header says.
func OnPort(port int) (*Test, error) {
	t, err := ParseTest([]string{"dst_port", strconv.Itoa(port)})
	if err == nil {
		t.sample.fetch.get = func(r *Request, _ *Response, _ []string) []string { return one(itoa(int(r.Local.Port()))) }
	}
	return t, err
}

// flags takes the flags before the patterns.
func (t *Test) flags(words []string) ([]string, error) {
	for len(words) > 0 && strings.HasPrefix(words[0], "-") {
		word := words[0]
		words = words[1:]
		switch word {
		case "-i":
			t.fold = true
		case "-n":
		case "--":
			return words, nil
		case "-m":
			if len(words) == 0 {
				return nil, errors.New("-m does not say how to match")
			}
			t.kind, words = words[0], words[1:]
		case "-f", "-M", "-u":
			return nil, fmt.Errorf("the flag %s is not carried out", word)
		default:
			if _, err := strconv.Atoi(word); err != nil {
				return nil, fmt.Errorf("%s is no flag", word)
			}
			return slices.Insert(slices.Clone(words), 0, word), nil
		}
	}
	return words, nil
}

// compile prepares the patterns.
func (t *Test) compile() error {
	switch t.kind {
	case "str", "beg", "end", "sub", "dir", "dom", "found", "bool":
		return nil
	case "reg":
		for _, p := range t.patterns {
			if t.fold {
				p = "(?i)" + p
			}
			re, err := regexp.Compile(p)
			if err != nil {
				return err
			}
			t.regexps = append(t.regexps, re)
		}
		return nil
	case "ip":
		for _, p := range t.patterns {
			n, err := ParseNetwork(p)
			if err != nil {
				return err
			}
			t.networks = append(t.networks, n)
		}
		return nil
	case "int", "len":
		return t.compileRanges()
	}
	return fmt.Errorf("the match %q is not carried out", t.kind)
}

const farthest = 1<<63 - 1

// compileRanges reads numbers, ranges such as 80:90 or 80-90, and comparisons such as gt 5. So no number in it can be less than zero.
func (t *Test) compileRanges() error {
	operator := "eq"
	for _, p := range t.patterns {
		if slices.Contains([]string{"eq", "ge", "gt", "le", "lt"}, p) {
			operator = p
			continue
		}
		low, high, compares := p, p, operator
		if at := strings.IndexAny(p, ":-"); at >= 0 {
			low, high, compares = p[:at], p[at+1:], "eq" // whatever the operator
		}
		from, err1 := number64(low, -farthest)
		to, err2 := number64(high, farthest)
		if err1 != nil || err2 != nil {
			return fmt.Errorf("%q is no number", p)
		}
		switch compares {
		case "ge":
			to = farthest
		case "gt":
			from, to = from+1, farthest
		case "le":
			from = -farthest
		case "lt":
			from, to = -farthest, to-1
		}
		t.ranges = append(t.ranges, [2]int64{from, to})
	}
	return nil
}

func number64(text string, otherwise int64) (int64, error) {
	if text == "" {
		return otherwise, nil
	}
	return strconv.ParseInt(text, 10, 64)
}

// holds says whether one of the values matches one of the patterns.
func (t *Test) holds(r *Request, a *Response) bool {
	values := t.sample.values(r, a)
	if t.kind == "found" {
		return len(values) > 0
	}
	return slices.ContainsFunc(values, t.matches)
}

func (t *Test) matches(value string) bool {
	switch t.kind {
	case "bool":
		return leadingNumber(value) != 0
	case "int":
		return value != "" && t.inRange(leadingNumber(value))
	case "len":
		return t.inRange(int64(len(value)))
	case "ip":
		a, err := netip.ParseAddr(value)
		return err == nil && slices.ContainsFunc(t.networks, func(n netip.Prefix) bool { return n.Contains(a.Unmap()) })
	case "reg":
		return slices.ContainsFunc(t.regexps, func(re *regexp.Regexp) bool { return re.MatchString(value) })
	}
	return slices.ContainsFunc(t.patterns, func(p string) bool { return t.matchText(value, p) })
}

func (t *Test) inRange(n int64) bool {
	return slices.ContainsFunc(t.ranges, func(r [2]int64) bool { return r[0] <= n && n <= r[1] })
}

func (t *Test) matchText(value, pattern string) bool {
	if t.fold {
		value, pattern = foldASCII(value), foldASCII(pattern)
	}
	switch t.kind {
	case "str":
		return value == pattern
	case "beg":
		return strings.HasPrefix(value, pattern)
	case "end":
		return strings.HasSuffix(value, pattern)
	case "sub":
		return strings.Contains(value, pattern)
	case "dir":
		return hasWord(value, pattern, "/?")
	}
	return hasWord(value, pattern, "/?.:")
}

// foldASCII is a text in lower case, byte by byte as HAProxy compares.
func foldASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// hasWord says whether a word, or words, stand in a value between delimiters.
func hasWord(value, pattern, delimiters string) bool {
	pattern = strings.Trim(pattern, delimiters)
	if pattern == "" {
		return false
	}
	for at := 0; ; {
		i := strings.Index(value[at:], pattern)
		if i < 0 {
			return false
		}
		begin, end := at+i, at+i+len(pattern)
		if (begin == 0 || strings.IndexByte(delimiters, value[begin-1]) >= 0) && (end == len(value) || strings.IndexByte(delimiters, value[end]) >= 0) {
			return true
		}
		at = begin + 1
	}
}

// String is the test as HAProxy reads it, without braces.
func (t *Test) String() string { return hacfg.Join(t.words()...) }

func (t *Test) words() []string {
	words := []string{t.sample.expression.String()}
	if t.fold {
		words = append(words, "-i")
	}
	name := t.sample.expression.Name
	says := strings.HasPrefix(name, "capture.") || t.fold && name == "method" // variables have no match of their own, and methods that HAProxy knows have case otherwise
	if says || t.kind != string(t.sample.gives) {
		words = append(words, "-m", t.kind)
	}
	if len(t.patterns) > 0 && strings.HasPrefix(t.patterns[0], "-") {
		words = append(words, "--")
	}
	return append(words, t.patterns...)
}

// ACL is a name for tests of which one has to hold.
type ACL struct {
	Name  string
	Tests []*Test
}

func (a *ACL) holds(r *Request, s *Response) bool {
	return slices.ContainsFunc(a.Tests, func(t *Test) bool { return t.holds(r, s) })
}

// Condition says when a directive counts; a nil one always does.
type Condition struct {
	text hacfg.Condition
	any  [][]term
}

type term struct {
	not bool
	acl *ACL // of one test and without a name for a test in braces
}

// NewCondition gives a meaning to a condition: names stand for acls.
func NewCondition(c *hacfg.Condition, acl func(name string) *ACL) (*Condition, error) {
	if c == nil {
		return nil, nil
	}
	n := &Condition{text: *c}
	for _, terms := range c.Any {
		var all []term
		for _, t := range terms {
			a := &ACL{}
			if t.Name != "" {
				if a = acl(t.Name); a == nil {
					a = predefined(t.Name)
				}
				if a == nil {
					return nil, fmt.Errorf("there is no acl %s", t.Name)
				}
			} else {
				test, err := ParseTest(t.Test)
				if err != nil {
					return nil, err
				}
				a.Tests = []*Test{test}
			}
			all = append(all, term{t.Not, a})
		}
		n.any = append(n.any, all)
	}
	return n, nil
}

// predefined are the acls that HAProxy knows by itself.
func predefined(name string) *ACL {
	words, known := map[string]string{
		"TRUE": "always_true", "FALSE": "always_false", "LOCALHOST": "src 127.0.0.1/8", "HTTP": "req.proto_http",
		"HTTP_1.0": "req.ver 1.0", "HTTP_1.1": "req.ver 1.1", "HTTP_2.0": "req.ver 2.0", "METH_CONNECT": "method CONNECT", "METH_DELETE": "method DELETE",
		"METH_GET": "method GET HEAD", "METH_HEAD": "method HEAD", "METH_OPTIONS": "method OPTIONS", "METH_POST": "method POST",
		"METH_PUT": "method PUT", "METH_TRACE": "method TRACE",
	}[name]
	if !known {
		return nil
	}
	t, err := ParseTest(strings.Fields(words))
	if err != nil {
		return nil
	}
	return &ACL{Name: name, Tests: []*Test{t}}
}

// Holds says whether the condition does, of a request, and of the response to it if there is one.
func (c *Condition) Holds(r *Request, s *Response) bool {
	if c == nil {
		return true
	}
	holds := slices.ContainsFunc(c.any, func(all []term) bool {
		return !slices.ContainsFunc(all, func(t term) bool { return t.acl.holds(r, s) == t.not })
	})
	return holds != c.text.Unless
}

// Scope is the widest of what is asked for.
func (c *Condition) Scope() (widest Scope) {
	if c == nil {
		return OfConnection
	}
	for _, all := range c.any {
		for _, t := range all {
			for _, test := range t.acl.Tests {
				widest = max(widest, test.sample.fetch.scope)
			}
		}
	}
	return widest
}

// OfResponse says what a rule for responses cannot ask, nil for nothing. To HAProxy hdr is of the request in a condition, and so never there.
func (c *Condition) OfResponse() error {
	if c == nil {
		return nil
	}
	for _, all := range c.any {
		for _, t := range all {
			for _, test := range t.acl.Tests {
				s := *test.sample
				s.either = false
				if _, err := s.ofResponse(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// mostAlternatives bounds what turning an unless around may make of a condition.
const mostAlternatives = 64

// And is the condition restricted by another test; false if that would make too much of it.
func (c *Condition) And(t *Test) (*Condition, bool) {
	extra, named := term{acl: &ACL{Tests: []*Test{t}}}, hacfg.Term{Test: t.words()}
	if c == nil {
		return &Condition{text: hacfg.Condition{Any: [][]hacfg.Term{{named}}}, any: [][]term{{extra}}}, true
	}
	if c.text.Unless {
		if c = c.not(); c == nil {
			return nil, false
		}
	}
	n := &Condition{text: hacfg.Condition{}}
	for i, all := range c.any {
		n.any = append(n.any, append([]term{extra}, all...))
		n.text.Any = append(n.text.Any, append([]hacfg.Term{named}, c.text.Any[i]...))
	}
	return n, true
}

// not is a condition with unless as one with if: none of the alternatives holds if each has a term that does not.
// nil if there would be too many.
func (c *Condition) not() *Condition {
	n := &Condition{any: [][]term{nil}, text: hacfg.Condition{Any: [][]hacfg.Term{nil}}}
	for i, all := range c.any {
		if len(n.any)*len(all) > mostAlternatives {
			return nil
		}
		next := &Condition{}
		for j := range n.any {
			for k, t := range all {
				word := c.text.Any[i][k]
				t.not, word.Not = !t.not, !word.Not
				next.any = append(next.any, append(slices.Clone(n.any[j]), t))
				next.text.Any = append(next.text.Any, append(slices.Clone(n.text.Any[j]), word))
			}
		}
		n = next
	}
	return n
}

// String is the condition as HAProxy reads it, if or unless before it.
func (c *Condition) String() string {
	if c == nil {
		return ""
	}
	text := hacfg.Condition{Unless: c.text.Unless}
	for i, all := range c.any {
		var terms []hacfg.Term
		for j, t := range all {
			word := c.text.Any[i][j]
			if word.Name != "" {
				word.Name = t.acl.Name
			} else {
				word.Test = t.acl.Tests[0].words()
			}
			terms = append(terms, word)
		}
		text.Any = append(text.Any, terms)
	}
	return text.String()
}

// ParseNetwork reads an address, a CIDR network, or a network with a mask such as 10.0.0.0/255.0.0.0.
func ParseNetwork(word string) (netip.Prefix, error) {
	bad := fmt.Errorf("%q is neither an address nor a network", word)
	if addr, err := netip.ParseAddr(word); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	if n, err := netip.ParsePrefix(word); err == nil {
		if n.Addr().Is4In6() {
			return netip.Prefix{}, bad
		}
		return n.Masked(), nil
	}
	host, mask, _ := strings.Cut(word, "/")
	addr, err := netip.ParseAddr(host)
	m, maskErr := netip.ParseAddr(mask)
	if err != nil || maskErr != nil || !addr.Is4() || !m.Is4() {
		return netip.Prefix{}, bad
	}
	bits := 0
	for _, b := range m.As4() {
		for ; b&0x80 != 0; b <<= 1 {
			bits++
		}
	}
	if n := netip.PrefixFrom(addr, bits); maskOf(bits) == m {
		return n.Masked(), nil
	}
	return netip.Prefix{}, bad
}

func maskOf(bits int) netip.Addr {
	m := ^uint32(0) << (32 - bits)
	return netip.AddrFrom4([4]byte{byte(m >> 24), byte(m >> 16), byte(m >> 8), byte(m)})
}
