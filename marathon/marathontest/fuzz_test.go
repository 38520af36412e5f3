package marathontest_test

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"marathon-lb/marathon/marathontest"
)

// fuzzed starts a server whose app /x is locked for ever; the function asks it and wants one of the statuses.
func fuzzed(f *testing.F) func(t *testing.T, method, path, body string, statuses ...int) {
	s := marathontest.New(marathontest.Options{})
	if err := s.Start(f.Context()); err != nil {
		f.Fatal(err)
	}
	transport := &http.Transport{}
	f.Cleanup(func() { s.Close(); transport.CloseIdleConnections() })
	if _, err := s.Create(marathontest.App{ID: "/x", Instances: 1, HealthChecks: []marathontest.HealthCheck{{Port: 1}}}); err != nil {
		f.Fatal(err)
	}
	return func(t *testing.T, method, path, body string, statuses ...int) {
		r, err := http.NewRequest(method, s.URL()+path, strings.NewReader(body))
		must(t, err)
		answer, err := transport.RoundTrip(r)
		must(t, err)
		defer answer.Body.Close()
		if text, err := io.ReadAll(answer.Body); err != nil || !slices.Contains(statuses, answer.StatusCode) {
			t.Errorf("%d %s %v", answer.StatusCode, text, err)
		}
	}
}

func FuzzDefinitions(f *testing.F) {
	samples, _ := filepath.Glob("testdata/*.json")
	for _, name := range samples {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	for _, seed := range []string{
		`{"container":{"docker":{"network":"BRIDGE","portMappings":[{"hostPort":null}]}}}`, `{"ports":[1],"ipAddress":{}}`, `null`, `[]`,
		`{"networks":[],"healthChecks":[{"maxConsecutiveFailures":null}],"labels":null,"container":null,"upgradeStrategy":null}`,
	} {
		f.Add(seed)
	}
	ask := fuzzed(f)
	f.Fuzz(func(t *testing.T, body string) { // understood, the app is locked; else the definition is refused
		ask(t, "PUT", "/v2/apps/x", body, 400, 409, 422)
		ask(t, "PUT", "/v2/apps/x?partialUpdate=false", body, 400, 409, 422)
	})
}

func FuzzSelectors(f *testing.F) {
	for _, seed := range []string{"a", "a==b,c!=d", "a in (b,c)", `a notin (\(b\))`, "a in (", ",", "a==", `\`} {
		f.Add(seed)
	}
	ask := fuzzed(f)
	f.Fuzz(func(t *testing.T, label string) {
		ask(t, "GET", "/v2/apps?label="+url.QueryEscape(label), "", 200, 422)
	})
}
