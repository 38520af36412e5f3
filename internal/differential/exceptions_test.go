package differential_test

import (
	"slices"
	"strings"
)

// exception is where HAProxy and the proxy may differ: the row of docs/differences.md that says so, and either the answers it allows or
// how it makes them equal.
type exception struct {
	row    string
	allows func(q question, ours, theirs answer) bool
	settle func(q question, a *answer)
}

var exceptions = []exception{
	{row: "D-CONFIG-1", settle: func(q question, a *answer) { // the server learns the client's version of HTTP
		if strings.Contains(q.text, " HTTP/1.0\r\n") {
			a.Line = strings.Replace(a.Line, " HTTP/1.0", " HTTP/1.1", 1)
			a.without("connection: keep-alive")
		}
	}},
	{row: "D-CONFIG-2", settle: func(q question, a *answer) { // fields that Connection names are passed on
		if strings.Contains(q.text, "Connection: close, X-It") {
			a.without("x-it: a", "x-it: b", "x-it: one", "x-it: two")
		}
	}},
}

// without takes fields out of the head that the server got.
func (a *answer) without(fields ...string) {
	a.Head = slices.DeleteFunc(slices.Clone(a.Head), func(f string) bool { return slices.Contains(fields, f) })
}

// settled is an answer without what is known to differ.
func settled(q question, a answer) answer {
	for _, e := range exceptions {
		if e.settle != nil {
			e.settle(q, &a)
		}
	}
	return a
}

// setsCookie says that the client was given a new server.
func (a answer) setsCookie() bool {
	for _, f := range a.Fields {
		if strings.Contains(f, "mesosphere_server_id=(its)") {
			return true
		}
	}
	return false
}

// sticks says that the backend has a persistence cookie: it took it out of what the server sees.
func sticks(a answer) bool {
	for _, f := range a.Head {
		if strings.Contains(f, "mesosphere_server_id=") {
			return false
		}
	}
	return a.Server != ""
}
