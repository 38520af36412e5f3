package main

import (
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// demoURLs are the labelled lines the demo begins with.
func demoURLs(t *testing.T, p *process) map[string]string {
	t.Helper()
	eventually(t, "the demo says where everything is", func() bool { return strings.Contains(p.out.String(), "Ctrl-C") })
	urls := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^(\w+): (http://\S+)$`).FindAllStringSubmatch(p.out.String(), -1) {
		urls[m[1]] = m[2]
	}
	if len(urls) != 3 {
		t.Fatalf("labelled lines: %v", urls)
	}
	return urls
}

func scale(t *testing.T, simulator, instances string) {
	t.Helper()
	body := strings.NewReader(`{"instances":` + instances + `}`)
	req, err := http.NewRequest("PUT", simulator+"/v2/apps//dcos-101/app2", body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Fatalf("scaling: %s", resp.Status)
	}
}

// The load-balancing part of the DC/OS 101 tutorial, as a newcomer does it.
func TestTheDemoDoesTheTutorial(t *testing.T) {
	p := newProcess(t, "demo").start()
	at := demoURLs(t, p)
	stats := strings.TrimSuffix(at["stats"], "/haproxy?stats")
	backend := "dcos-101_app2_" + at["app2"][strings.LastIndex(at["app2"], ":")+1:]

	status, one := get(at["app2"])
	if status != 200 {
		t.Fatalf("who asks app2 as soon as the demo tells its address gets %d", status)
	}
	_, csv := get(stats + "/haproxy?stats;csv")
	_, row, _ := strings.Cut(csv, backend+",BACKEND,")
	if cells := strings.Split(row, ","); len(cells) < 12 || cells[5] != "1" || cells[11] != "0" { // stot and econ
		t.Errorf("the first request is not the first, or there were errors before it: %.200q", row)
	}
	for range 20 {
		if _, body := get(at["app2"]); body != one {
			t.Fatalf("with one instance: %q, then %q", one, body)
		}
	}

	scale(t, at["simulator"], "2")
	eventually(t, "two servers are up", func() bool {
		rows := servers(stats, backend)
		up := 0
		for _, status := range rows {
			if status == "UP" {
				up++
			}
		}
		return up == 2
	})
	names := map[string]int{}
	last := ""
	for range 20 {
		_, body := get(at["app2"])
		if body == last {
			t.Fatalf("two requests in a row went to %q", body)
		}
		last = body
		names[body]++
	}
	if len(names) != 2 {
		t.Errorf("names: %v", names)
	}
	if _, page := get(at["stats"]); strings.Count(page, "127_0_0_1_") < 2 {
		t.Error("the page does not show two servers")
	}
	if _, metrics := get(stats + "/metrics"); !strings.Contains(metrics, `haproxy_backend_active_servers{proxy="`+backend+`"} 2`) {
		t.Error("the metrics do not show two servers")
	}

	stop := load(at["app2"], 2)
	scale(t, at["simulator"], "1")
	eventually(t, "the leaving server drains", func() bool {
		for _, status := range servers(stats, backend) {
			if status == "MAINT" {
				return true
			}
		}
		return false
	})
	eventually(t, "the leaving server is gone", func() bool { return len(servers(stats, backend)) == 1 })
	if sent, failed := stop(); len(failed) > 0 {
		t.Errorf("%d of %d requests failed during the scale-down: %v", len(failed), sent, failed)
	}

	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	p.signal(syscall.SIGINT)
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d\n%s", code, p.err.String())
	}
}

func TestTheDemoTakesOtherPortsAndSaysSo(t *testing.T) {
	first := newProcess(t, "demo").start()
	demoURLs(t, first)
	second := newProcess(t, "demo").start()
	at := demoURLs(t, second)
	if !strings.Contains(second.out.String(), "is taken") {
		t.Errorf("it does not say that ports are taken:\n%s", second.out.String())
	}
	eventually(t, "app2 of the second demo answers", func() bool { status, _ := get(at["app2"]); return status == 200 })
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	for _, p := range []*process{first, second} {
		p.signal(syscall.SIGTERM)
		if code := p.exit(); code != 0 {
			t.Errorf("exit code %d\n%s", code, p.err.String())
		}
	}
}
