package route

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"marathon-lb/internal/hacfg"
)

// Longest is where HAProxy's clock ends.
const Longest = 24 * 24 * time.Hour

// String is a line of HAProxy's configuration for each thing asked for, in an order that means the same. What HAProxy has no line for is
// left out: there is none.
func (d *Directives) String() string {
	if d == nil {
		return ""
	}
	var b strings.Builder
	line := func(words ...string) { b.WriteString(strings.Join(words, " ") + "\n") }
	for _, t := range []struct {
		name string
		d    time.Duration
	}{{"connect", d.Connect}, {"server", d.Server}, {"tunnel", d.Tunnel}} {
		if t.d != 0 {
			line("timeout", t.name, fmt.Sprintf("%dms", min(t.d, Longest).Milliseconds()))
		}
	}
	switch {
	case d.ClientClose:
		line("option httpclose")
	case d.ServerClose:
		line("option http-server-close")
	}
	for _, e := range d.Errors {
		line("errorfile", itoa(e.Status), hacfg.Quote(e.Path))
	}
	if c := d.Compress; c != nil {
		for _, text := range c.lines() {
			line(text)
		}
	}
	for _, a := range d.ACLs {
		for _, text := range a.lines() {
			line(text)
		}
	}
	ends := d.Allows()
	for _, x := range d.Request { // they are in order: a late one is like others where none ends the http-request lines before it
		x.Late = x.Late && ends
		line(x.lines("http-request"))
	}
	for i := range d.Response {
		line(d.Response[i].lines("http-response"))
	}
	return b.String()
}

// HAProxy takes so many words in a line; mostTypes are in one.
const (
	mostWords = 64
	mostTypes = 48
)

// lines ask for the compression.
func (c *Compression) lines() []string {
	lines := []string{"compression algo gzip"}
	for types := range slices.Chunk(c.Types, mostTypes) {
		lines = append(lines, "compression type "+hacfg.Join(types...))
	}
	if c.Offload {
		lines = append(lines, "compression offload")
	}
	return lines
}

// lines define the acl.
func (a *ACL) lines() (lines []string) {
	for _, t := range a.Tests {
		lines = append(lines, "acl "+hacfg.Quote(a.Name)+" "+t.String())
	}
	return lines
}

// lines is the directive as a line of the rules of requests or of responses. Where the condition is too long for one, its alternatives are asked in
// lines before that.
func (x *Directive) lines(of string) string {
	line := x.line(of)
	if x.If == nil || x.Late || len(strings.Fields(line)) <= mostWords {
		return line
	}
	if x.Act == Accept || x.Act == Reject {
		of = "tcp-request content"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s set-var(txn.met) bool(false)\n", of)
	for i := range x.If.any {
		one := Condition{any: x.If.any[i : i+1], text: hacfg.Condition{Any: x.If.text.Any[i : i+1]}}
		fmt.Fprintf(&b, "%s set-var(txn.met) bool(true) %s\n", of, one.String())
	}
	bare, word := *x, "if"
	if bare.If = nil; x.If.text.Unless {
		word = "unless"
	}
	return b.String() + bare.line(of) + " " + word + " { var(txn.met) -m bool }"
}

// line is the directive as a line of the rules of requests or of responses.
func (x *Directive) line(of string) string {
	words := []string{of, string(x.Act)}
	switch x.Act {
	case Accept, Reject:
		words = []string{"tcp-request", "content", string(x.Act)}
	case SetHeader, AddHeader:
		words = append(words, x.Name, hacfg.Quote(x.Value.String()))
	case DelHeader:
		words = append(words, x.Name)
	case ReplaceHeader, ReplaceValue:
		words = append(words, x.Name, hacfg.Quote(x.pattern()), hacfg.Quote(x.Value.String()))
	case ReplacePath, ReplacePathQ, ReplaceURI:
		words = append(words, hacfg.Quote(x.pattern()), hacfg.Quote(x.Value.String()))
	case SetPath, SetPathQuery, SetQuery, SetURI:
		words = append(words, hacfg.Quote(x.Value.String()))
	case Deny:
		if of == "http-request" && x.Code != 403 {
			words = append(words, "deny_status", itoa(x.Code))
		}
	case Redirect:
		words = x.redirectWords()
	}
	if x.If != nil {
		words = append(words, x.If.String())
	}
	return strings.Join(words, " ")
}

// pattern is the regular expression, which HAProxy does not take without a character.
func (x *Directive) pattern() string { return cmp.Or(x.Match.String(), "()") }

func (x *Directive) redirectWords() []string {
	words := []string{"http-request", "redirect"}
	value := x.Value.String()
	if x.Late {
		words, value = words[1:], x.Value.plain()
	}
	words = append(words, x.Name, hacfg.Quote(value), "code", itoa(x.Code))
	if x.DropQuery {
		words = append(words, "drop-query")
	}
	if x.AppendSlash {
		words = append(words, "append-slash")
	}
	if name, isClear := strings.CutSuffix(x.Cookie, "; Max-Age=0; path=/;"); isClear {
		words = append(words, "clear-cookie", hacfg.Quote(name))
	} else if x.Cookie != "" {
		words = append(words, "set-cookie", hacfg.Quote(strings.TrimSuffix(x.Cookie, "; path=/;")))
	}
	return words
}

// Equal says that two backends ask for the same. Functions cannot be compared, so that what is said in HAProxy's language is compared
// as text.
func (k BackendSpec) Equal(o BackendSpec) bool {
	return k.Do.String() == o.Do.String() && slices.EqualFunc(k.Rules, o.Rules, Rule.same) && reflect.DeepEqual(k.bare(), o.bare())
}

func (k BackendSpec) bare() BackendSpec {
	k.Do, k.Rules = nil, nil
	return k
}
