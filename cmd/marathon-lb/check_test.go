package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"marathon-lb/marathon/marathontest"
)

// checkOf runs the verb in this process.
func checkOf(t *testing.T, in string, args ...string) (code int, out, err string) {
	t.Helper()
	var o, e bytes.Buffer
	code = command{args: append([]string{"check"}, args...), in: strings.NewReader(in), out: &o, err: &e}.run()
	return code, o.String(), e.String()
}

func TestCheckReadsWhatReposHold(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const good = `{"id":"/good","portDefinitions":[{"port":10000}],"labels":{"HAPROXY_GROUP":"external","HAPROXY_0_VHOST":"a.test"}}`
	const bad = `{"id":"bad","portDefinitions":[{"port":10001}],"labels":{"HAPROXY_GROUP":"external","HAPROXY_0_PORT":"eighty"}}`
	const problem = `HAPROXY_0_PORT="eighty": not a port; the service port Marathon gave is used. Write a number from 1 to 65535.`
	for name, c := range map[string]struct {
		text string
		code int
		says []string
	}{
		"an app":        {good, 0, []string{"1 apps, 0 problems"}},
		"a bad app":     {bad, 1, []string{"/bad: " + problem, "1 apps, 1 problems"}},
		"a list":        {"[" + good + "," + bad + "]", 1, []string{"/bad: " + problem, "2 apps, 1 problems"}},
		"an answer":     {`{"apps":[` + good + "," + bad + `]}`, 1, []string{"/bad: " + problem}},
		"a group":       {`{"id":"/team","groups":[{"id":"web","apps":[` + bad + `]}]}`, 1, []string{"/team/web/bad: " + problem}},
		"a broken app":  {`{"apps":[{"id":"/x","instances":"many"},` + good + `]}`, 1, []string{"a-broken-app.json:1: /x: instances is a string where a whole number should be. Correct", "2 apps, 1 problems"}},
		"no id":         {`{"labels":{}}`, 1, []string{"an app without id"}},
		"no port":       {`{"id":"/p","portDefinitions":[],"labels":{"HAPROXY_GROUP":"x","HAPROXY_0_VHOST":"a"}}`, 1, []string{"the app has no port 0"}},
		"a password":    {strings.Replace(good, `"a.test"`, `"a.test","HAPROXY_0_AUTH":"`+bobsSecret+`"`, 1), 0, []string{"note: ", "AUTH of port 0 guards"}},
		"two of a port": {"[" + good + "," + strings.Replace(good, "/good", "/z", 1) + "]", 1, []string{"the port belongs to port 0 of /good"}},
	} {
		file := write(strings.ReplaceAll(name, " ", "-")+".json", c.text)
		code, out, err := checkOf(t, "", file)
		if code != c.code || err != "" {
			t.Errorf("%s: exit code %d\n%s%s", name, code, out, err)
		}
		for _, s := range c.says {
			if !strings.Contains(out, s) {
				t.Errorf("%s: it does not say %q:\n%s", name, s, out)
			}
		}
	}
	if code, out, _ := checkOf(t, bad, "-"); code != 1 || !strings.Contains(out, "-: /bad: "+problem) {
		t.Errorf("standard input: %d\n%s", code, out)
	}
	if code, out, _ := checkOf(t, strings.Replace(bad, "external", "internal", 1), "--group", "external", "-"); code != 0 {
		t.Errorf("an app for others: %d\n%s", code, out)
	}
	code, out, _ := checkOf(t, bad, "--json", "-")
	var answer struct {
		Problems []struct{ App, Label, Value, Reason, Remedy string }
	}
	if err := json.Unmarshal([]byte(out), &answer); code != 1 || err != nil || len(answer.Problems) != 1 || answer.Problems[0].App != "/bad" || answer.Problems[0].Remedy == "" {
		t.Errorf("--json: %d, %v\n%s", code, err, out)
	}
	if code, out, _ := checkOf(t, good, "--json", "-"); code != 0 || !strings.Contains(out, `"problems": []`) {
		t.Errorf("--json without problems: %d\n%s", code, out)
	}
}

func TestCheckSaysWhyItCannot(t *testing.T) {
	for _, c := range []struct {
		in   string
		args []string
		code int
		says string
	}{
		{"", nil, 2, "check needs files"},
		{"", []string{"--marathon", "http://127.0.0.1:1", "-"}, 2, "check needs files"},
		{"", []string{"--strict-mode=maybe", "-"}, 2, "--strict-mode"},
		{"", []string{"--nonsense", "-"}, 2, "--nonsense"},
		{"", []string{"/nowhere/app.json"}, 2, "/nowhere/app.json: no such file"},
		{"{\n\"id\":", []string{"-"}, 2, "-:2: unexpected end of JSON input"},
		{`"text"`, []string{"-"}, 1, "-:1: a string where an app, a pod, a group"},
		{`{"apps":{}}`, []string{"-"}, 1, "-:1: apps is an object where a list should be"},
		{"", []string{"--marathon", "http://127.0.0.1:1"}, 2, "127.0.0.1:1"},
		{"", []string{"--marathon", "no URL"}, 2, "no URL of Marathon"},
	} {
		code, out, err := checkOf(t, c.in, c.args...)
		if code != c.code || !strings.Contains(out+err, c.says) {
			t.Errorf("%v: exit code %d, want %d; says %s%s", c.args, code, c.code, out, err)
		}
	}
	if code, out, _ := checkOf(t, "", "--help"); code != 0 || !strings.Contains(out, "--json") {
		t.Errorf("--help: %d\n%s", code, out)
	}
}

func TestCheckAsksARunningMarathon(t *testing.T) {
	sim := marathontest.New(marathontest.Options{Credentials: "bob:secret"})
	if err := sim.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	create(t, sim, app("/good", freePort(t), 1), app("/bad", freePort(t), 1, "HAPROXY_0_MODE", "udp"))
	code, out, err := checkOf(t, "", "--marathon", sim.URL(), "--auth-credentials", "bob:secret")
	if code != 1 || !strings.Contains(out, `/bad: HAPROXY_0_MODE="udp": no mode`) || !strings.Contains(out, "2 apps, 1 problems") {
		t.Errorf("exit code %d\n%s%s", code, out, err)
	}
}

func FuzzDefinitionsOfApps(f *testing.F) {
	f.Add(`{"id":"/a","groups":[{"id":"b","apps":[{"id":"c"}]}]}`)
	f.Add(`[{"id":"/a"},[{"apps":null}]]`)
	f.Add("\ufeff" + `{"app":{"id":"/a","healthChecks":[{}],"labels":{"HAPROXY_0_GROUP":"x"}},"*":[1]}`)
	f.Add(`{"id":"/t","pods":[{"id":"p","containers":[{"endpoints":[{"name":"web"}],"healthCheck":{"http":{"endpoint":"web"}}}]}]}`)
	f.Add(`[{"id":"/p","spec":{"containers":[]},"instances":[]},{"id":"/p","instances":"1"}]`)
	f.Fuzz(func(t *testing.T, text string) {
		var o, e bytes.Buffer
		code := command{args: []string{"check", "-"}, in: strings.NewReader(text), out: &o, err: &e}.run()
		if code != 0 && o.Len()+e.Len() == 0 {
			t.Error("it fails without a word")
		}
		if lower := strings.ToLower(text); strings.Contains(lower, "host") || strings.Contains(text, `\`) {
			return // names of agents would be looked up
		}
		for _, question := range []string{"/a", "http://a.test/"} {
			var o, e bytes.Buffer
			code := command{args: []string{"explain", "--file", "-", question}, in: strings.NewReader(text), out: &o, err: &e}.run()
			if o.Len()+e.Len() == 0 || code == 0 && !strings.Contains(o.String(), "exposed") && !strings.Contains(o.String(), "served") {
				t.Errorf("%s: exit code %d\n%s%s", question, code, o.String(), e.String())
			}
		}
	})
}
