package marathon_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"marathon-lb/marathon"
)

// pass is a login that is good from the second token on.
type pass struct{ n atomic.Int32 }

func (p *pass) Authorization(context.Context) (string, error) {
	return "token=" + string('a'+rune(p.n.Load())), nil
}
func (p *pass) Rejected(string) { p.n.Add(1) }

func TestAWriteIsSentAgainWholeWithNewCredentials(t *testing.T) {
	var bodies []string
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		bodies = append(bodies, r.Method+" "+r.URL.RequestURI()+" "+string(text))
		if r.Header.Get("Authorization") != "token=b" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	c := newClient(t, marathon.ClientOptions{Credentials: &pass{}}, s.URL)
	if err := c.Write(t.Context(), "PUT", "/v2/apps/a", map[string][]string{"force": {"true"}}, map[string]int{"instances": 2}); err != nil {
		t.Fatal(err)
	}
	const want = `PUT /v2/apps/a?force=true {"instances":2}`
	if len(bodies) != 2 || bodies[0] != want || bodies[1] != want {
		t.Errorf("sent %q", bodies)
	}
}

func TestARefusedWriteTellsWhyAndWhoHoldsTheApp(t *testing.T) {
	for _, c := range []struct {
		answer http.HandlerFunc
		text   string
		locked bool
	}{
		{reply(409, "application/json", `{"message":"App is locked","deployments":[{"id":"d1"}]}`), "DELETE /v2/apps/a: status 409 Conflict: App is locked", true},
		{reply(409, "application/json", `{"message":"An app with id [/a] already exists."}`), "DELETE /v2/apps/a: status 409 Conflict: An app with id [/a] already exists.", false},
		{reply(422, "application/json", `{"message":"Object is not valid","details":[{"path":"/id"}]}`), `DELETE /v2/apps/a: status 422 Unprocessable Entity: Object is not valid [{"path":"/id"}]`, false},
		{reply(502, "text/html", "<html>"), "DELETE /v2/apps/a: status 502 Bad Gateway", false},
	} {
		err := newClient(t, marathon.ClientOptions{}, serve(t, c.answer).URL).Write(t.Context(), "DELETE", "/v2/apps/a", nil, nil)
		var no *marathon.Refusal
		if !errors.As(err, &no) || no.Error() != c.text || no.Locked() != c.locked {
			t.Errorf("%v, want %s", err, c.text)
		}
	}
}

// net/http would ask with GET, and take the answer for a success.
func TestAWriteIsNotTurnedIntoAReadByARedirect(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "GET" {
			http.Redirect(w, r, "/login", http.StatusFound)
		}
	})
	if err := newClient(t, marathon.ClientOptions{}, s.URL).Write(t.Context(), "POST", "/v2/apps", nil, map[string]string{}); !errors.Is(err, marathon.ErrRedirect) {
		t.Errorf("%v", err)
	}
}

func TestATaskKnowsItsServerInStatistics(t *testing.T) {
	host := marathon.App{ID: "/a", PortDefinitions: []marathon.PortDefinition{{Port: 10000}, {Port: 10001}}}
	container := marathon.App{ID: "/a", Networks: []marathon.Network{{Mode: "container"}},
		Container: marathon.Container{PortMappings: []marathon.PortMapping{{ContainerPort: 8080}}}}
	at := func(host string, addrs ...string) marathon.Task {
		t := marathon.Task{ID: "t", Host: host, Ports: []int{31000, 31001}}
		for _, a := range addrs {
			t.IPAddresses = append(t.IPAddresses, marathon.TaskIP{IPAddress: a})
		}
		return t
	}
	for _, c := range []struct {
		app    marathon.App
		task   marathon.Task
		index  int
		server string
		is     bool
	}{
		{host, at("10.0.0.1"), 0, "10_0_0_1_31000", true},
		{host, at("10.0.0.1"), 1, "10_0_0_1_31001", true},
		{host, at("10.0.0.1"), 0, "10_0_0_1_31001", false},
		{host, at("10.0.0.1"), 0, "10_0_0_11_31000", false},
		{host, at("agent-1.example"), 0, "agent-1_example_10_0_0_1_31000", true},
		{host, at("agent-1.example"), 0, "agent-1.example_10.0.0.1_31000", true},
		{host, at("agent-1.example"), 0, "agent-1_example_fd00__1_31000", true},
		{host, at("agent-1"), 0, "agent-1_example_10_0_0_1_31000", false},
		{host, at("agent-1"), 0, "agent-1_31000", false},
		{host, marathon.Task{ID: "t", Host: "10.0.0.1"}, 2, "10_0_0_1_0", false},
		{container, at("10.0.0.1", "9.0.0.2"), 0, "10_0_0_1_9_0_0_2_8080", true},
		{container, at("10.0.0.1", "9.0.0.2"), 0, "10_0_0_1_31000", false},
		{container, at("10.0.0.1"), 0, "10_0_0_1_8080", false},
	} {
		if got := c.app.IsServer(c.server, &c.task, c.index); got != c.is {
			t.Errorf("%s of %s %v: %v", c.server, c.task.Host, c.task.IPAddresses, got)
		}
	}
	if got := marathon.BackendName("/team/web/", 10000); got != "team_web_10000" {
		t.Errorf("backend %s", got)
	}
}
