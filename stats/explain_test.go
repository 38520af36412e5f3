package stats_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"marathon-lb/internal/route"
)

func TestExplainPassesTheQuestionOnAndAnswersInJSON(t *testing.T) {
	addr := good(t)
	q := url.Values{"q": {"http://a.example/x?y=1&z"}, "method": {"POST"}, "from": {"10.0.0.1"}, "header": {"A: 1", "B: 2"}}
	var got route.Explanation
	if err := json.Unmarshal([]byte(get(t, addr, "/v1/explain?"+q.Encode())), &got); err != nil {
		t.Fatal(err)
	}
	if got.Question != "http://a.example/x?y=1&z" || got.Answer != "asked with POST|10.0.0.1|A: 1|B: 2" {
		t.Errorf("got %+v", got)
	}
	for query, want := range map[string]string{"ftp://x": "no scheme", "http://a/%2": "cannot be read", "http://a/;b": "cannot be read"} {
		resp, err := http.Get("http://" + addr + "/v1/explain?q=" + query)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var said struct{ Error string }
		if err := json.NewDecoder(resp.Body).Decode(&said); err != nil || resp.StatusCode != 400 || !strings.Contains(said.Error, want) {
			t.Errorf("the bad question %s: %d %q, %v", query, resp.StatusCode, said.Error, err)
		}
	}
}

func TestTheBoxOnThePageExplains(t *testing.T) {
	addr := good(t)
	page := get(t, addr, "/haproxy?stats=&explain="+url.QueryEscape("http://a.example/x;csv?y=1&z")+"&from=10.0.0.1")
	for _, want := range []string{
		`name="explain" size="60" maxlength="4096" value="http://a.example/x;csv?y=1&amp;z"`, `value="10.0.0.1"`, "asked with |10.0.0.1",
		`href="/v1/explain?from=10.0.0.1&amp;q=http%3A%2F%2Fa.example%2Fx%3Bcsv%3Fy%3D1%26z"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if page := get(t, addr, "/haproxy?stats=&explain=ftp%3A%2F%2Fx"); !strings.Contains(page, "ftp is no scheme &lt;that&gt; is served") {
		t.Error("the page does not say what is wrong with the question")
	}
	if page := get(t, addr, "/haproxy?stats"); !strings.Contains(page, `name="explain"`) || strings.Contains(page, `id="explained"`) {
		t.Error("the page answers although nothing was asked, or has no box")
	}
}

// evil is an explanation all of whose texts are markup.
func evilExplanation(text string) route.Explanation {
	return route.Explanation{
		Question: text, Answer: text,
		Request: &route.Way{
			Listener:   &route.ListenerStand{Name: text, Bind: text, Mode: route.HTTP, App: text, Trouble: text, Certificate: text},
			Rules:      []route.RuleStand{{Order: 1, Host: text, Path: text, App: text, Backend: text, Verdict: text, Why: text, If: text}, {AppID: text}},
			Directives: []route.DirectiveStand{{Line: text, ACLs: []string{text}, Verdict: text}},
			Backend: &route.BackendStand{Name: text, App: text, Balance: text, Access: []string{text}, Servers: []route.ServerStand{
				{Name: text, Address: text, Task: text, State: text, Health: text, Check: text, Grade: text, Why: text}}},
			Notes: []string{text},
		},
		Apps: []route.About{{App: text, Members: []string{text},
			Ports: []route.PortStand{{Verdict: route.Verdict{App: text, Backend: text, Why: route.Why(text), Detail: text},
				Groups: []string{text}, Mode: route.Mode(text), Hosts: []string{text}, Paths: []string{text}, Check: text, Access: []string{text}}},
			Tasks:    []route.TaskStand{{Task: text, Host: text, State: text, Health: text, Why: text}},
			Problems: []route.Problem{{App: text, Label: text, Value: text, Reason: text, Remedy: text}},
		}},
	}
}

func TestForeignTextInAnExplanationIsEscaped(t *testing.T) {
	const evil = `"><script>alert('1')</script>`
	now := time.Now()
	src := source(every(now), now)
	src.Explain = func(route.Question) (route.Explanation, error) { return evilExplanation(evil), nil }
	page := get(t, serve(t, src), "/haproxy?stats=&explain="+url.QueryEscape(evil))
	if strings.Contains(page, "<script") {
		t.Errorf("foreign text became markup:\n%.9000s", page)
	}
	if n := strings.Count(html.UnescapeString(page), evil); n < 30 {
		t.Errorf("only %d of the texts are shown", n)
	}
}

func TestTheTextOfAnExplanationMovesNoCursor(t *testing.T) {
	var b strings.Builder
	x := evilExplanation("\x1b[2J\u009b1A\r\n\xff")
	x.WriteText(&b)
	if text := b.String(); strings.ContainsAny(text, "\x1b\u009b\r") || strings.Count(text, "?[2J") < 30 {
		t.Errorf("got %q", text)
	}
}
