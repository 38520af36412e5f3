package route_test

import (
	"regexp"
	"testing"

	"marathon-lb/internal/route"
)

func TestReplaceValueLeavesTheRestOfAListAsItStands(t *testing.T) {
	to, err := route.ParseFormat(`<\1>`)
	if err != nil {
		t.Fatal(err)
	}
	d := &route.Directives{Request: []route.Directive{{Act: route.ReplaceValue, Name: "X-It", Match: regexp.MustCompile(`^(.)$`), Value: to}}}
	for value, want := range map[string]string{
		"a": "<a>", "a,b": "<a>,<b>", "a, b": "<a>,<b>", ",z": ",<z>", "a ,\t,  bb": "<a>,\t,  bb", `"a,b",c`: `"a,b",<c>`, "": "", "aa,a": "aa,<a>",
	} {
		r := &route.Request{Path: "/"}
		r.Fields = []route.Field{{Name: "x-it", Value: value}}
		if d.OnRequest(r, nil); r.Fields[0].Value != want {
			t.Errorf("%q becomes %q, want %q", value, r.Fields[0].Value, want)
		}
	}
}
