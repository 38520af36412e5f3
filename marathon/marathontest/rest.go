package marathontest

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
)

// rest answers a request of Marathon's REST API. It finds the resource by hand because ids of apps hold slashes, and people paste
// them with the leading one: /v2/apps//dcos-101/app2.
func (s *Server) rest(w http.ResponseWriter, r *http.Request) {
	resource, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/"), "/")
	switch {
	case r.URL.Path == "/ping":
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, "pong")
	case r.URL.Path == LoginPath && s.o.DCOS != nil:
		s.login(w, r)
	case !strings.HasPrefix(r.URL.Path, "/v2/"):
		refuse(w, r, notFound("HTTP 404 Not Found"))
	case resource == "apps" && rest == "":
		s.appsResource(w, r)
	case resource == "apps":
		s.appResource(w, r, absolute(rest))
	case resource == "tasks":
		s.tasksResource(w, r, rest)
	case resource == "deployments":
		s.deploymentsResource(w, r, rest)
	case resource == "groups":
		s.groupsResource(w, r, absolute(rest))
	case resource == "pods" || resource == "pods::status":
		s.podsResource(w, r, strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/v2/pods"), "/"))
	case r.Method != http.MethodGet:
		html(w, http.StatusMethodNotAllowed, "Method Not Allowed")
	case resource == "queue":
		reply(w, r, http.StatusOK, map[string]any{"queue": []any{}})
	case resource == "leader":
		reply(w, r, http.StatusOK, map[string]any{"leader": s.Addr()})
	case resource == "info":
		reply(w, r, http.StatusOK, s.info())
	default:
		refuse(w, r, &Error{Status: http.StatusInternalServerError, Message: "URI not found"})
	}
}

func (s *Server) info() map[string]any {
	features := []string{"task_killing"}
	if s.o.NoTaskKilling {
		features = []string{}
	}
	return map[string]any{
		"name": "marathon", "version": "1.9.109", "buildref": "unknown", "elected": true, "leader": s.Addr(),
		"frameworkId": "96d7da70-b731-4cfb-96a7-0ee877af615d-0000",
		"marathon_config": map[string]any{
			"features": features, "ha": true, "framework_name": "marathon", "local_port_min": localPortMin, "local_port_max": localPortMax,
		},
		"zookeeper_config": map[string]any{},
		"http_config":      map[string]any{},
	}
}

// appsResource is /v2/apps.
func (s *Server) appsResource(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet:
		views, err := s.list(r)
		if err != nil {
			refuse(w, r, err)
			return
		}
		reply(w, r, http.StatusOK, map[string]any{"apps": views})
	case http.MethodPost:
		s.postApp(w, r)
	case http.MethodPut, http.MethodPatch:
		s.putApps(w, r)
	default:
		html(w, http.StatusMethodNotAllowed, "Method Not Allowed")
	}
}

// list is the answer to GET /v2/apps: filtered, with tasks only if asked for.
func (s *Server) list(r *http.Request) ([]*appView, *Error) {
	q := r.URL.Query()
	selects, err := parseSelector(q.Get("label"))
	if err != nil {
		return nil, err
	}
	id, cmd := strings.ToLower(q.Get("id")), strings.ToLower(q.Get("cmd"))
	tasks, failure, readiness := embedded(r, "tasks"), embedded(r, "lastTaskFailure"), embedded(r, "readiness")
	views := []*appView{}
	for _, v := range s.read().apps {
		if !strings.Contains(v.ID, id) || cmd != "" && !strings.Contains(strings.ToLower(v.Cmd), cmd) || !selects(v.Labels) {
			continue
		}
		shown := *v
		if !tasks {
			shown.Tasks = nil
		}
		if !failure {
			shown.LastTaskFailure = nil
		}
		if !readiness {
			shown.Readiness = nil
		}
		views = append(views, &shown)
	}
	return views, nil
}

// embedded says whether the query asks for a part, with any of the prefixes Marathon allows.
func embedded(r *http.Request, part string) bool {
	return slices.ContainsFunc(r.URL.Query()["embed"], func(e string) bool {
		for _, prefix := range []string{"group.apps.", "apps.", "app."} {
			e = strings.TrimPrefix(e, prefix)
		}
		return e == part
	})
}

func (s *Server) postApp(w http.ResponseWriter, r *http.Request) {
	text, err := body(w, r)
	var a *App
	if err == nil {
		a, err = parseApp(text, nil)
	}
	if err == nil {
		err = normalize(a)
	}
	var d *deployment
	if err == nil {
		d, err = s.put(a, poster(r), true, flag(r, "force", false))
	}
	if err != nil {
		refuse(w, r, err)
		return
	}
	a.Version = d.version
	w.Header().Set("Location", "/v2/apps"+a.ID)
	w.Header().Set("Marathon-Deployment-Id", d.id)
	reply(w, r, http.StatusCreated, &appView{App: a, Deployments: []ref{{d.id}}}) // before service ports were given out
}

func (s *Server) putApps(w http.ResponseWriter, r *http.Request) {
	text, err := body(w, r)
	var raw []json.RawMessage
	if err == nil {
		if e := json.Unmarshal(text, &raw); e != nil {
			err = badRequest("Invalid JSON")
		}
	}
	apps := map[string]*App{}
	for _, one := range raw {
		var a *App
		if a, err = s.parseUpdate("", one, flag(r, "partialUpdate", true)); err != nil {
			break
		}
		apps[a.ID] = a
	}
	if err != nil {
		refuse(w, r, err)
		return
	}
	d, err := s.apply(change{apps: apps, group: "/", force: flag(r, "force", false)})
	replyDeployment(w, r, http.StatusOK, d, err)
}
