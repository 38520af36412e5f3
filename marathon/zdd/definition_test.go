package zdd_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap/zapcore"

	"marathon-lb/marathon"
	"marathon-lb/marathon/marathontest"
	"marathon-lb/marathon/zdd"
)

const labels = `"labels":{"HAPROXY_DEPLOYMENT_GROUP":"web","HAPROXY_DEPLOYMENT_ALT_PORT":"10001"}`

func TestADefinitionThatLacksSomethingIsRefused(t *testing.T) {
	for _, c := range []struct {
		text string
		code zdd.Code
		says string
	}{
		{`{`, zdd.Failed, "unexpected EOF"},
		{`[]`, zdd.Failed, "cannot unmarshal"},
		{`null`, zdd.Failed, "no id"},
		{`{} {}`, zdd.Failed, "something follows"},
		{`{` + labels + `,"ports":[10000]}`, zdd.Failed, "no id"},
		{`{"id":"web","ports":[10000]}`, zdd.MissingField, "HAPROXY_DEPLOYMENT_GROUP"},
		{`{"id":"web","ports":[10000],"labels":{"HAPROXY_DEPLOYMENT_GROUP":"/","HAPROXY_DEPLOYMENT_ALT_PORT":"1"}}`, zdd.MissingField, "HAPROXY_DEPLOYMENT_GROUP"},
		{`{"id":"web","ports":[10000],"labels":{"HAPROXY_DEPLOYMENT_GROUP":"web"}}`, zdd.MissingField, "HAPROXY_DEPLOYMENT_ALT_PORT"},
		{`{"id":"web","ports":[10000],"labels":{"HAPROXY_DEPLOYMENT_GROUP":"web","HAPROXY_DEPLOYMENT_ALT_PORT":"x"}}`, zdd.MissingField, `no port: "x"`},
		{`{"id":"web",` + labels + `}`, zdd.MissingField, "no service port"},
		{`{"id":"web",` + labels + `,"ports":[]}`, zdd.MissingField, "no service port"},
		{`{"id":"web",` + labels + `,"portDefinitions":[{"port":0}],"ports":["x"]}`, zdd.MissingField, "no service port"},
	} {
		_, err := zdd.ReadDefinition([]byte(c.text))
		if zdd.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: code %d, %v; want %d with %q", c.text, zdd.CodeOf(err), err, c.code, c.says)
		}
	}
}

// dryRun is what is printed for a definition beside the apps of a simulated Marathon, and the code.
func dryRun(t *testing.T, text string, apps ...marathontest.App) (string, zdd.Code) {
	t.Helper()
	sim := marathontest.New(marathontest.Options{})
	if err := sim.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	for _, a := range apps {
		if _, err := sim.Create(a); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "app.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	client, err := marathon.Options{Endpoints: []string{sim.URL()}}.Client()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	o := zdd.Defaults()
	o.JSON, o.DryRun, o.InitialInstances = file, true, 2
	err = zdd.Run(t.Context(), o, client, zdd.Terminal{Out: &out, Err: t.Output(), Level: zapcore.InfoLevel})
	return out.String(), zdd.CodeOf(err)
}

func TestTheDefinitionIsPrintedAsZDDPyDoes(t *testing.T) {
	out, code := dryRun(t, `{"id":"web","mem":32.5,"instances":3,"cmd":"é < 1","env":null,"args":[null,"a"],
		"labels":{"HAPROXY_DEPLOYMENT_GROUP":"web","HAPROXY_DEPLOYMENT_ALT_PORT":10001},"portDefinitions":[{"port":10000}]}`)
	before, after, _ := strings.Cut(out, `    "HAPROXY_DEPLOYMENT_STARTED_AT": "`)
	_, after, _ = strings.Cut(after, "\n")
	const want = `{
  "args": [
    "a"
  ],
  "cmd": "\u00e9 < 1",
  "id": "/web-blue",
  "instances": 3,
  "labels": {
    "HAPROXY_0_PORT": "10000",
    "HAPROXY_APP_ID": "web",
    "HAPROXY_DEPLOYMENT_ALT_PORT": 10001,
    "HAPROXY_DEPLOYMENT_COLOUR": "blue",
    "HAPROXY_DEPLOYMENT_GROUP": "web",
    "HAPROXY_DEPLOYMENT_NEW_INSTANCES": "0",
    "HAPROXY_DEPLOYMENT_TARGET_INSTANCES": "3"
  },
  "mem": 32.5,
  "portDefinitions": [
    {
      "port": 10000
    }
  ]
}
`
	if code != 0 || before+after != want {
		t.Errorf("code %d\n%s", code, out)
	}
}

func TestTheNextColourTakesTheOtherPortWhereverPortsStand(t *testing.T) {
	last := func(port int, labels ...string) marathontest.App {
		a := marathontest.App{ID: "/web-blue", Instances: 3, Labels: map[string]string{"HAPROXY_DEPLOYMENT_GROUP": "/web", "HAPROXY_DEPLOYMENT_COLOUR": "blue"}}
		a.PortDefinitions = []marathontest.PortDefinition{{Port: port, Protocol: "tcp"}}
		for i := 0; i+1 < len(labels); i += 2 {
			a.Labels[labels[i]] = labels[i+1]
		}
		return a
	}
	const checks = `"healthChecks":[{"protocol":"TCP"}],`
	for _, c := range []struct {
		name, ports string
		last        marathontest.App
		want        string
	}{
		{"the first port is in use", `"ports":[10000]`, last(10000), `"ports":[10001]`},
		{"the other one is", `"ports":[10000]`, last(10001, "HAPROXY_0_PORT", "10000"), `"ports":[10000]`},
		{"the app in place has the say", `"ports":[10000]`, last(20000, "HAPROXY_DEPLOYMENT_ALT_PORT", "20001"), `"ports":[20001]`},
		{"portDefinitions", `"portDefinitions":[{"port":10000,"name":"web"}]`, last(10000), `"portDefinitions":[{"name":"web","port":10001}]`},
		{"docker", `"container":{"docker":{"portMappings":[{"servicePort":10000}]}}`, last(10000), `"portMappings":[{"servicePort":10001}]`},
		{"container", `"container":{"docker":{"image":"a"},"portMappings":[{"servicePort":"10000"}]}`, last(10000), `"portMappings":[{"servicePort":10001}]`},
	} {
		out, code := dryRun(t, `{"id":"/web",`+checks+labels+`,`+c.ports+`}`, c.last)
		var flat bytes.Buffer
		if err := json.Compact(&flat, []byte(out)); err != nil {
			t.Fatalf("%s: code %d, %v\n%s", c.name, code, err, out)
		}
		if !strings.Contains(flat.String(), c.want) || !strings.Contains(out, `"/web-green"`) || !strings.Contains(out, `"instances": 2`) ||
			!strings.Contains(out, `"HAPROXY_0_PORT": "10000"`) || !strings.Contains(out, `"HAPROXY_DEPLOYMENT_TARGET_INSTANCES": "3"`) {
			t.Errorf("%s: want %s in\n%s", c.name, c.want, out)
		}
	}
}

// A machine whose clock is ahead began the last deployment.
func TestANewDeploymentIsAlwaysTheLastOne(t *testing.T) {
	a := marathontest.App{ID: "/web-blue", Instances: 1, Labels: map[string]string{
		"HAPROXY_DEPLOYMENT_GROUP": "web", "HAPROXY_DEPLOYMENT_COLOUR": "blue", "HAPROXY_DEPLOYMENT_STARTED_AT": "2999-12-31T23:59:59.999999",
	}}
	out, code := dryRun(t, `{"id":"/web","healthChecks":[{"protocol":"TCP"}],`+labels+`,"ports":[10000]}`, a)
	if code != 0 || !strings.Contains(out, `"HAPROXY_DEPLOYMENT_STARTED_AT": "3000-01-01T00:00:00.000000"`) {
		t.Errorf("code %d\n%s", code, out)
	}
}

func FuzzReadServers(f *testing.F) {
	f.Add("# pxname,svname,qcur,scur,status,\nweb_10000,a_1,0,3,UP,\nweb_10000,BACKEND,0,3,UP,\n", "web_10000")
	f.Add("# pxname,svname,scur,qcur,status\nweb_10000,\"a,b\",,1,MAINT\nother,a,1,1,UP\n", "web_10000")
	f.Add("<html>", "")
	f.Fuzz(func(t *testing.T, text, backend string) {
		servers, err := zdd.ReadServers(strings.NewReader(text), backend)
		for name, s := range servers {
			if err == nil && (s.Sessions < 0 || !strings.Contains(text, s.Status) && !strings.ContainsAny(text, "\"\r")) {
				t.Errorf("%q: %+v", name, s)
			}
		}
	})
}

func TestServersAreReadByTheNamesOfColumns(t *testing.T) {
	servers, err := zdd.ReadServers(strings.NewReader("# pxname,scur,svname,qcur,status,\nweb_1,2,a,1,MAINT,\nweb_1,9,BACKEND,9,UP,\nweb_2,9,b,9,UP,\nweb_1,,c,,DOWN 1/2,\n"), "web_1")
	if err != nil || len(servers) != 2 || servers["a"] != (zdd.Server{Status: "MAINT", Sessions: 3}) || servers["c"] != (zdd.Server{Status: "DOWN 1/2"}) {
		t.Errorf("%v, %v", servers, err)
	}
	f, err := os.Open("../../stats/testdata/mlb-stats-static103.csv") // HAProxy's own
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	servers, err = zdd.ReadServers(f, "web_10001")
	if err != nil || len(servers) != 5 || servers["10_0_1_14_31004"].Status != "MAINT" {
		t.Errorf("%v, %v", servers, err)
	}
	for _, text := range []string{"", "<html>\n", "# pxname,svname,qcur,scur\n", "# pxname,svname,qcur,scur,status\nweb_1,a,x,0,UP\n"} {
		if servers, err := zdd.ReadServers(strings.NewReader(text), "web_1"); err == nil {
			t.Errorf("%q gives %v", text, servers)
		}
	}
}
