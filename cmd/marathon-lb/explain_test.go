package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/zap"

	"marathon-lb/internal/route"
	"marathon-lb/internal/testkit"
	"marathon-lb/marathon/marathontest"
)

// explainOf is what the program answers, with the exit code as its last line.
func explainOf(args ...string) string {
	var o, e bytes.Buffer
	code := command{args: append([]string{"explain"}, args...), in: strings.NewReader(""), out: &o, err: &e}.run()
	return fmt.Sprintf("%s%sexit code %d\n", o.String(), e.String(), code)
}

const explainedApps = "testdata/explain/apps.json"

// What an operator asks of the apps in apps.json, and what the answer says.
func TestExplainAnswersWhatAnOperatorNeeds(t *testing.T) {
	for name, question := range map[string][]string{
		"wrong-group":           {"/intranet/wiki"},
		"wrong-group-url":       {"http://wiki.example.com/"},
		"unhealthy":             {"http://shop.example.com/api/x"},
		"unhealthy-app":         {"/shop/api"},
		"port-conflict":         {"/zz/copycat"},
		"port-conflict-url":     {"http://lb.example.com:10004/"},
		"shadowed-path":         {"http://shop.example.com/images/new/a"},
		"vhost-of-another-app":  {"/zz/shop"},
		"vhost-of-another-url":  {"http://shop.example.com/"},
		"strict-mode":           {"--strict-mode", "/shop/web"},
		"strict-mode-url":       {"--strict-mode", "http://shop.example.com/"},
		"tcp-mode":              {"http://db.example.com/"},
		"tcp-mode-port":         {"tcp://lb.example.com:10007"},
		"draining":              {"http://old.example.com/"},
		"denied":                {"--from", "203.0.113.7", "http://admin.example.com/"},
		"denied-nobody-named":   {"http://admin.example.com/"},
		"admitted":              {"--from", "10.1.2.3", "http://admin.example.com/"},
		"password":              {"http://secret.example.com/"},
		"password-shown":        {"--header", "Authorization: Basic Ym9iOnNlY3JldA==", "http://secret.example.com/"},
		"redirect":              {"http://secure.example.com/a?b=c"},
		"app-id":                {"--header", "X-Marathon-App-Id: /SHOP/web", "http://lb.example.com:9091/"},
		"no-listener":           {"http://lb.example.com:9999/"},
		"unknown-app":           {"/nowhere"},
		"json":                  {"--json", "http://shop.example.com/images/new/a"},
		"json-app":              {"--json", "/zz/shop"},
		"sticky-cookie":         {"--header", "Cookie: mesosphere_server_id=nobody", "http://sticky.example.com/"},
		"denied-by-acl":         {"--from", "203.0.113.66", "http://office.example.com/"},
		"denied-by-path-acl":    {"--from", "203.0.113.7", "http://office.example.com/Admin/x"},
		"denied-by-acl-app":     {"/office"},
		"redirected-by-acl":     {"http://office.example.com/old"},
		"rewritten":             {"--json", "--from", "10.1.2.3", "http://office.example.com/files/x?y"},
		"rule-with-condition":   {"http://office.example.com/forms"},
		"balanced-by-parameter": {"http://sticky.example.com:10012/"},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"--file", explainedApps, "--group", "external", "--health-check"}, question...)
			testkit.Golden(t, "testdata/explain/"+name+".txt", "$ marathon-lb explain "+strings.Join(question, " ")+"\n"+explainOf(args...))
		})
	}
}

func TestExplainTellsABadQuestionFromABadAnswer(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{nil, 2, "needs one URL"},
		{[]string{"/a", "/b"}, 2, "needs one URL"},
		{[]string{"--group", "x", "/a"}, 2, "--group is for --file"},
		{[]string{"--lb", "http://x", "--file", explainedApps, "/a"}, 2, "exclude"},
		{[]string{"--file", explainedApps, "ftp://a/"}, 2, "no scheme"},
		{[]string{"--file", explainedApps, "tcp://a"}, 2, "needs a port"},
		{[]string{"--file", explainedApps, "http://a:99999/"}, 2, "no port"},
		{[]string{"--file", explainedApps, "http:///x"}, 2, "no host"},
		{[]string{"--file", explainedApps, "--from", "nowhere", "http://a/"}, 2, "no IP address"},
		{[]string{"--file", explainedApps, "--header", "nonsense", "http://a/"}, 2, "no line of a head"},
		{[]string{"--file", "/nowhere.json", "/a"}, 2, "/nowhere.json"},
		{[]string{"--lb", "http://127.0.0.1:1", "/a"}, 1, "cannot be asked"},
		{[]string{"--help"}, 0, "--header"},
	} {
		if got := explainOf(c.args...); !strings.Contains(got, c.says) || !strings.HasSuffix(got, fmt.Sprintf("exit code %d\n", c.code)) {
			t.Errorf("%q: want exit code %d and %q; got\n%s", c.args, c.code, c.says, got)
		}
	}
}

func TestAPasswordInAURLIsNotShown(t *testing.T) {
	for _, target := range []string{"http://bob:hush@secret.example.com/", "bob:hush@secret.example.com/", "http://bob:hush@secret.example.com/%2", "http://bob:hush%2@secret.example.com/"} {
		got := explainOf("--file", explainedApps, "--json", target)
		if strings.Contains(got, "hush") || !strings.Contains(got, `"ok": true`) {
			t.Errorf("%s: got\n%s", target, got)
		}
	}
}

func TestDefinitionsWithoutTasksAreNotBlamedForIt(t *testing.T) {
	file := t.TempDir() + "/app.json"
	text := `{"id": "/a", "ports": [10000], "labels": {"HAPROXY_GROUP": "x", "HAPROXY_0_VHOST": "a.example"}}`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"/a", "http://a.example/"} {
		var x route.Explanation
		text, code, _ := strings.Cut(explainOf("--file", file, "--json", target), "exit code ")
		if err := json.Unmarshal([]byte(text), &x); err != nil || !x.OK || code != "0\n" {
			t.Errorf("%s: exit code %s, %v\n%s", target, code, err, text)
		}
	}
}

// steady takes out of a text what differs from run to run: the ports, in that order, and what the kernel and Marathon give out.
func steady(text string, ports ...int) string {
	for i, port := range ports {
		text = strings.ReplaceAll(text, strconv.Itoa(port), fmt.Sprint("PRT", i))
	}
	text = regexp.MustCompile(`127(\.|_)0(\.|_)0(\.|_)1(_|:)\d{5}`).ReplaceAllString(text, "127${1}0${1}0${1}1${4}TASK")
	text = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}(\._app\.1)?`).ReplaceAllString(text, "UUID")
	return regexp.MustCompile(`ready  up  .*`).ReplaceAllString(text, "ready  up  ...") // probed, or not yet
}

func TestARunningLoadBalancerExplainsPortsThatTakeNobody(t *testing.T) {
	taken, err := net.Listen("tcp", loopback(freePort(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	held, bare, good := taken.Addr().(*net.TCPAddr).Port, freePort(t), freePort(t)
	r := newRig(t, marathontest.Options{})
	create(t, r.sim, app("/held", held, 1), app("/bare", bare, 1, "HAPROXY_0_SSL_CERT", "/nowhere/cert.pem"),
		app("/good", good, 1, "HAPROXY_0_VHOST", "good.example.com"))
	eventually(t, "the apps serve", func() bool { status, _ := get(r.http, "Host", "good.example.com"); return status == 200 })
	for _, id := range []string{"/held", "/bare"} {
		eventually(t, id+" has a task", func() bool { return strings.Contains(explainOf("--lb", r.stats, id), "it can serve") })
	}
	for name, target := range map[string]string{
		"port-taken": "/held", "port-taken-url": fmt.Sprintf("http://127.0.0.1:%d/", held),
		"no-certificate": "/bare", "no-certificate-url": fmt.Sprintf("https://127.0.0.1:%d/", bare),
		"no-certificate-for-host": "https://good.example.com/",
	} {
		t.Run(name, func(t *testing.T) {
			ours, _ := strconv.Atoi(r.https[strings.LastIndexByte(r.https, ':')+1:])
			testkit.Golden(t, "testdata/explain/"+name+".txt", steady("$ marathon-lb explain "+target+"\n"+explainOf("--lb", r.stats, target), held, bare, good, ours))
		})
	}
	_, text := get(r.stats + "/v1/verdicts")
	if !strings.Contains(text, `"port not opened"`) || !strings.Contains(text, `"no certificate"`) || strings.Count(text, `"exposed"`) != 1 {
		t.Errorf("the verdicts are not honest:\n%s", text)
	}
	for _, word := range []string{loopback(held), "/nowhere/cert.pem"} {
		said := func() (n int) {
			for _, line := range r.logs.All() {
				if line.Level > zap.InfoLevel && strings.Contains(fmt.Sprint(line.ContextMap()), word) {
					n++
				}
			}
			return n
		}
		eventually(t, "the log tells of "+word, func() bool { return said() > 0 })
		if n := said(); n != 1 {
			t.Errorf("the log tells of %s %d times", word, n)
		}
	}
}

func TestAServerWhoseProbesFailIsExplained(t *testing.T) {
	r := newRig(t, marathontest.Options{})
	a := app("/shaky", freePort(t), 2, "HAPROXY_0_VHOST", "shaky.example.com")
	create(t, r.sim, a)
	eventually(t, "both tasks serve", func() bool {
		return strings.Contains(explainOf("--lb", r.stats, "shaky.example.com/"), "where 2 of 2 servers take turns")
	})
	r.sim.Tasks("/shaky")[0].SetHealthy(false)
	eventually(t, "the other one takes all turns", func() bool {
		got := explainOf("--lb", r.stats, "shaky.example.com/")
		return strings.Contains(got, "where 1 of ") && strings.HasSuffix(got, "exit code 0\n")
	})
}
