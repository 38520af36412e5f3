package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"

	"marathon-lb/internal/route"
	"marathon-lb/marathon"
)

// finding is a problem with where it was found.
type finding struct {
	File string `json:"file"`           // or the URL of a Marathon; empty for what several apps or none have in common
	Line int    `json:"line,omitempty"` // 0 if it is not one of JSON
	route.Problem
}

// trouble is why an origin cannot be read.
func (from *origin) trouble() finding {
	f := finding{File: from.name, Problem: route.Problem{Reason: from.err.Error(), Remedy: from.remedy}}
	if bad, ok := errors.AsType[marathon.AppError](from.err); ok {
		f.Line, f.Reason = bad.Line, bad.Err.Error()
	} else if path, ok := errors.AsType[*os.PathError](from.err); ok {
		f.Reason = path.Err.Error()
	}
	return f
}

// unreadable are the apps that cannot be read.
func (from *origin) unreadable() []finding {
	var all []finding
	for _, b := range from.bad {
		f := finding{File: from.name, Line: b.Line, Problem: route.Problem{App: b.ID, Reason: b.Err.Error(), Remedy: "correct the app's definition"}}
		if b.List != "" {
			f.Label = fmt.Sprintf("%s[%d]", b.List, b.Index)
		}
		all = append(all, f)
	}
	return all
}

func (f finding) compare(g finding) int {
	return cmp.Or(cmp.Compare(f.File, g.File), cmp.Compare(f.Line, g.Line), cmp.Compare(f.App, g.App), cmp.Compare(f.Label, g.Label),
		cmp.Compare(f.Value, g.Value), cmp.Compare(f.Reason, g.Reason), cmp.Compare(f.Remedy, g.Remedy))
}

// String is a line of a report.
func (f finding) String() string {
	var words []string
	add := func(word string) {
		if word != "" {
			words = append(words, word)
		}
	}
	at, label := f.File, f.Label
	if f.Line > 0 {
		at = fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	if f.Value != "" || strings.HasPrefix(label, "HAPROXY_") {
		label = fmt.Sprintf("%s=%q", label, f.Value)
	}
	add(at)
	add(f.App)
	add(label)
	add(f.Reason + ". " + sentence(f.Remedy))
	return strings.Join(words, ": ")
}

// sentence begins a remedy with a capital letter and ends it with a full stop.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	end := "."
	if last := text[len(text)-1]; last == '?' || last == '.' {
		end = ""
	}
	return strings.ToUpper(text[:1]) + text[1:] + end
}
