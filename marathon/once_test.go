package marathon_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"marathon-lb/marathon"
)

func TestReadingOnceFindsAgentsByTheirNames(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/v2/apps") {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"apps":[{"id":"/web","version":"2026-11-24T12:00:00Z","labels":{"HAPROXY_GROUP":"external"},"portDefinitions":[{"port":10000}],
			"healthChecks":[{"protocol":"TCP","portIndex":0}],"tasks":[
			{"id":"web.1","appId":"/web","host":"localhost","ports":[31000],"state":"TASK_RUNNING","startedAt":"2026-11-24T12:00:00Z",
			 "healthCheckResults":[{"taskId":"web.1","alive":true}]},
			{"id":"web.2","appId":"/web","host":"no.such.agent.invalid","ports":[31000],"state":"TASK_RUNNING","startedAt":"2026-11-24T12:00:00Z",
			 "healthCheckResults":[{"taskId":"web.2","alive":true}]},
			{"id":"web.3","appId":"/web","host":"127.0.0.1","ports":[31003],"state":"TASK_RUNNING","startedAt":"2026-11-24T12:00:00Z",
			 "healthCheckResults":[{"taskId":"web.3","alive":false}]}]}]}`)
	}))
	defer server.Close()
	o := marathon.Options{Endpoints: []string{server.URL}, Groups: []string{"external"}, HealthCheck: true}
	client, err := o.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	c := marathon.NewCompiler(o)
	list, err := o.Once(t.Context(), client, c)
	if err != nil || len(list.Apps) != 1 {
		t.Fatalf("%d apps, %v", len(list.Apps), err)
	}
	k := c.Link(time.Now()).SetBackends
	if len(k) != 1 || len(k[0].Servers) != 1 || !k[0].Servers[0].Addr.Addr().IsLoopback() || k[0].Servers[0].Addr.Port() != 31000 {
		t.Errorf("served: %v", k)
	}
	if p := c.Problems(); len(p) != 1 || p[0].Value != "no.such.agent.invalid" {
		t.Errorf("problems: %v", p)
	}
}
