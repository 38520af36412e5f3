package marathontest

import (
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"strings"
)

// appResource is /v2/apps/{id} and what is below it. Ids that end in restart, tasks or versions clash with those, in Marathon too.
func (s *Server) appResource(w http.ResponseWriter, r *http.Request, path string) {
	id, last := path[:strings.LastIndex(path, "/")], path[strings.LastIndex(path, "/")+1:]
	switch above, task, found := strings.Cut(path, "/tasks/"); {
	case found:
		s.appTask(w, r, above, task)
		return
	case last == "restart" && r.Method == http.MethodPost:
		d, err := s.restartApp(id, flag(r, "force", false))
		replyDeployment(w, r, http.StatusOK, d, err)
		return
	case last == "tasks":
		s.appTasks(w, r, id)
		return
	case last == "versions":
		s.appVersions(w, r, id)
		return
	case last == "*":
		s.appsBelow(w, r, id)
		return
	}
	switch r.Method {
	case http.MethodGet:
		s.getApp(w, r, path)
	case http.MethodPut, http.MethodPatch:
		s.putApp(w, r, path)
	case http.MethodDelete:
		d, err := s.deleteApp(path, flag(r, "force", true))
		replyDeployment(w, r, http.StatusOK, d, err)
	default:
		html(w, http.StatusMethodNotAllowed, "Method Not Allowed")
	}
}

func (s *Server) getApp(w http.ResponseWriter, r *http.Request, id string) {
	v := s.read().app(id)
	if v == nil {
		refuse(w, r, noApp(id))
		return
	}
	shown := *v
	if !embedded(r, "readiness") {
		shown.Readiness = nil
	}
	reply(w, r, http.StatusOK, map[string]any{"app": &shown})
}

func (s *Server) putApp(w http.ResponseWriter, r *http.Request, id string) {
	patch := r.Method == http.MethodPatch
	text, err := body(w, r)
	var a *App
	if err == nil {
		a, err = s.parseUpdate(id, text, patch || flag(r, "partialUpdate", true))
	}
	known := s.read().app(id) != nil
	if err == nil && patch && !known {
		err = noApp(id)
	}
	var d *deployment
	if err == nil {
		d, err = s.put(a, poster(r), false, flag(r, "force", false))
	}
	status := http.StatusOK
	if !known {
		status = http.StatusCreated
		w.Header().Set("Location", "/v2/apps"+id)
	}
	replyDeployment(w, r, status, d, err)
}

// parseUpdate reads the definition that is to replace the present one of an app; if partial, what it leaves out stays.
func (s *Server) parseUpdate(id string, text []byte, partial bool) (*App, *Error) {
	var named struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(text, &named); err != nil {
		return nil, &Error{Status: http.StatusBadRequest, Message: "Invalid JSON", Details: err.Error()}
	}
	if id == "" {
		id = absolute(named.ID)
	}
	var base *App
	if partial {
		s.mu.Lock()
		base = s.apps[id]
		s.mu.Unlock()
	}
	a, err := parseApp(text, base)
	if err != nil {
		return nil, err
	}
	a.ID = id
	return a, normalize(a)
}

// poster is what api_post_event tells of a request.
func poster(r *http.Request) *apiPost {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return &apiPost{ClientIP: host, URI: r.URL.Path}
}

func (s *Server) appVersions(w http.ResponseWriter, r *http.Request, id string) {
	s.mu.Lock()
	versions := []string{}
	if a := s.apps[id]; a != nil {
		for _, old := range s.history[id] {
			versions = append(versions, old.Version)
		}
		versions = append(versions, a.Version)
	}
	s.mu.Unlock()
	if len(versions) == 0 {
		refuse(w, r, noApp(id))
		return
	}
	slices.Reverse(versions)
	reply(w, r, http.StatusOK, map[string]any{"versions": versions})
}

// appsBelow is /v2/apps/{group}/*.
func (s *Server) appsBelow(w http.ResponseWriter, r *http.Request, group string) {
	below := slices.DeleteFunc(slices.Clone(s.read().apps), func(v *appView) bool { return !strings.HasPrefix(v.ID, group+"/") })
	reply(w, r, http.StatusOK, map[string]any{"*": append([]*appView{}, below...)})
}
