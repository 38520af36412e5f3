package route_test

import (
	"strings"
	"testing"

	"marathon-lb/internal/hacfg"
	"marathon-lb/internal/route"
)

// odd is a request with values that are easily read otherwise than HAProxy reads them.
func odd() *route.Request {
	fields := []route.Field{
		{Name: "X-Latin", Value: "CAF\xe9"}, {Name: "X-Count", Value: "5x"}, {Name: "X-Count", Value: ""}, {Name: "X-From", Value: "unknown, 1.2.3.4:80"}, {Name: "X-Last", Value: "1.2.3.4, unknown"},
		{Name: "Cookie", Value: `$Version=1; a = "x; y" , b=2;c=`},
	}
	return &route.Request{Head: route.Head{Fields: fields}, Method: "GET", Path: "/a//b/c", Query: "?id=a+b%20&bad=%zz"}
}

func TestExpressionsWriteWhatHAProxyWrites(t *testing.T) {
	for text, want := range map[string]string{
		"%[hdr(X-Latin),lower]": "caf\xe9", "%[hdr(X-Latin),upper,length]": "4", "%[int(05)]": "5", "%[hdr_val(X-Count,1)]": "5", "%[hdr(X-Count,0)]": "",
		"%[hdr_ip(X-From)]": "1.2.3.4", "%[hdr_ip(X-Last)]": "", "%[hdr_ip(X-From,1)]": "",
		"%[urlp(id),url_dec]": "a+b ", "%[urlp(id),url_dec(1)]": "a b ", "%[urlp(bad),url_dec]": "", "%[pathq,field(1,&),url_dec]": "/a//b/c?id=a b ",
		"%[path,field(2,/,2)]": "a/", "%[path,field(2,/,0)]": "a//b/c", "%[path,field(-1,/,2)]": "b/c", "%[path,word(1,/,2)]": "a//b", "%[path,word(2,/,9)]": "b/c", "%[path,word(-1,/,9)]": "/a//b/c",
		"%[cook(a)]": `"x; y"`, "%[cook(b)]": "2", "%[cook(c)]": "", "%[cook($Version)]": "",
	} {
		value, err := route.ParseFormat(text)
		if err != nil {
			t.Fatal(text, err)
		}
		r, d := odd(), route.Directives{Request: []route.Directive{{Act: route.SetHeader, Name: "X-Got", Value: value}}}
		d.OnRequest(r, nil)
		if got := r.Get("X-Got"); got != strings.TrimSpace(want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestTestsHoldWhereTheyDoForHAProxy(t *testing.T) {
	for test, want := range map[string]bool{
		"path,length gt 3": true, "path,length 70": false, "hdr(X-Count) -m int 5": true, "hdr(X-Latin) -m int 0": true, "hdr(X-Count) -m bool": true, "hdr_ip(X-Last) 1.2.3.4": true, "hdr_ip(X-Last,-1) -m found": false,
		`hdr(X-Count) -- ""`: false, `hdr(X-Count) a "" 5x`: false, "hdr_val(X-Count) 4-6": true, "hdr_val(X-Count,1) gt 4:6": true, "hdr_val(X-Count) -- -9": true, "path,word(9,/) -m found": true, "path,field(9,/) -m found": false,
		"urlp(bad),url_dec -m found": false, "cook(c) -m found": false,
	} {
		words, err := hacfg.Split(test)
		if err != nil {
			t.Fatal(err)
		}
		is, err := route.ParseTest(words)
		if err != nil {
			t.Fatal(test, err)
		}
		var always *route.Condition
		c, _ := always.And(is)
		if got := c.Holds(odd(), nil); got != want {
			t.Errorf("%s: %v", test, got)
		}
	}
}

func TestTheURIThatWasSentIsKnownAfterItWasChanged(t *testing.T) {
	sent, err := route.ParseFormat("%[capture.req.uri]")
	if err != nil {
		t.Fatal(err)
	}
	r := odd()
	want := r.Path + r.Query
	d := route.Directives{
		Request:  []route.Directive{{Act: route.SetPath, Value: route.Plain("/new")}, {Act: route.SetQuery, Value: route.Plain("a=b")}},
		Response: []route.Directive{{Act: route.SetHeader, Name: "X-Sent", Value: sent}},
	}
	d.OnRequest(r, nil)
	a := &route.Response{}
	if d.OnResponse(r, a); a.Get("X-Sent") != want || r.Path != "/new" {
		t.Errorf("%q, now %s", a.Get("X-Sent"), r.Path)
	}
}

// HAProxy takes 64 words.
func TestARuleWithMoreWordsThanALineTakesIsPrintedAsSeveral(t *testing.T) {
	words := append([]string{"unless"}, strings.Fields(strings.Repeat("{ path_beg /a } { method GET } or ", 20)+"TRUE")...)
	_, cut, err := hacfg.CutCondition(words)
	if err != nil {
		t.Fatal(err)
	}
	long, err := route.NewCondition(cut, func(string) *route.ACL { return nil })
	if err != nil {
		t.Fatal(err)
	}
	d := route.Directives{Request: []route.Directive{{Act: route.AddHeader, Name: "X-A", Value: route.Plain("b"), If: long}}}
	lines := strings.Split(strings.TrimSpace(d.String()), "\n")
	if last := lines[len(lines)-1]; last != "http-request add-header X-A b unless { var(txn.met) -m bool }" || len(lines) != 1+21+1 {
		t.Error(d.String())
	}
	for _, line := range lines {
		if len(strings.Fields(line)) > 64 {
			t.Error(line)
		}
	}
}
