package marathontest

import (
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strings"
)

// deploymentsResource is /v2/deployments.
func (s *Server) deploymentsResource(w http.ResponseWriter, r *http.Request, id string) {
	switch {
	case r.Method == http.MethodGet && id == "":
		reply(w, r, http.StatusOK, s.read().deployments)
	case r.Method == http.MethodDelete && id != "":
		d, err := s.rollBack(id, flag(r, "force", false))
		if err == nil && d == nil {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		replyDeployment(w, r, http.StatusOK, d, err)
	default:
		html(w, http.StatusMethodNotAllowed, "Method Not Allowed")
	}
}

// group is a group as PUT /v2/groups takes it and GET /v2/groups shows it.
type group struct {
	ID           string            `json:"id"`
	Apps         []json.RawMessage `json:"apps"`
	Groups       []*group          `json:"groups"`
	Dependencies []string          `json:"dependencies"`
	Pods         []any             `json:"pods"`
	Version      string            `json:"version,omitempty"`
	ScaleBy      *float64          `json:"scaleBy,omitempty"`
}

// groupsResource is /v2/groups/{id}.
func (s *Server) groupsResource(w http.ResponseWriter, r *http.Request, id string) {
	switch r.Method {
	case http.MethodGet:
		g := s.read().group(id, embedded(r, "tasks"))
		if g == nil {
			refuse(w, r, notFound("Group '%s' does not exist", id))
			return
		}
		reply(w, r, http.StatusOK, g)
	case http.MethodPut, http.MethodPost:
		s.putGroup(w, r, id)
	case http.MethodDelete:
		s.replaceGroup(w, r, id, map[string]*App{}, flag(r, "force", false))
	default:
		html(w, http.StatusMethodNotAllowed, "Method Not Allowed")
	}
}

// group is the group of that id with all below it; nil if there is no app in it.
func (l *snapshot) group(id string, tasks bool) *group {
	g := &group{ID: id, Apps: []json.RawMessage{}, Groups: []*group{}, Dependencies: []string{}, Pods: []any{}}
	prefix := strings.TrimSuffix(id, "/") + "/"
	var below []string
	for _, v := range l.apps {
		name, found := strings.CutPrefix(v.ID, prefix)
		if !found {
			continue
		}
		g.Version = max(g.Version, v.Version)
		if child, _, deeper := strings.Cut(name, "/"); deeper {
			below = append(below, prefix+child)
			continue
		}
		shown := *v
		if !tasks {
			shown.Tasks = nil
		}
		text, _ := json.Marshal(&shown)
		g.Apps = append(g.Apps, text)
	}
	for _, child := range slices.Compact(slices.Sorted(slices.Values(below))) {
		g.Groups = append(g.Groups, l.group(child, tasks))
	}
	if id != "/" && g.Version == "" {
		return nil
	}
	return g
}

func (s *Server) putGroup(w http.ResponseWriter, r *http.Request, id string) {
	text, err := body(w, r)
	var g group
	if err == nil {
		if e := json.Unmarshal(text, &g); e != nil {
			err = badRequest("Invalid JSON")
		}
	}
	wanted := map[string]*App{}
	if g.ID != "" {
		id = within(id, g.ID)
	}
	if err == nil && g.ScaleBy != nil {
		wanted = s.scaleBy(id, *g.ScaleBy)
	} else if err == nil {
		err = g.collect(id, wanted)
	}
	if err != nil {
		refuse(w, r, err)
		return
	}
	s.replaceGroup(w, r, id, wanted, flag(r, "force", false))
}

// collect gathers the apps of a group, whose full id is given, and of those below it. Their ids may be relative to it.
func (g *group) collect(id string, into map[string]*App) *Error {
	for _, text := range g.Apps {
		a, err := parseApp(text, nil)
		if err == nil {
			a.ID = within(id, a.ID)
			err = normalize(a)
		}
		if err != nil {
			return err
		}
		into[a.ID] = a
	}
	for _, child := range g.Groups {
		if err := child.collect(within(id, child.ID), into); err != nil {
			return err
		}
	}
	return nil
}

// within is an id that may be relative to a group.
func within(group, id string) string {
	if strings.HasPrefix(id, "/") {
		return absolute(id)
	}
	return absolute(group + "/" + id)
}

func (s *Server) scaleBy(id string, factor float64) map[string]*App {
	wanted := map[string]*App{}
	for _, v := range s.read().apps {
		if strings.HasPrefix(v.ID, strings.TrimSuffix(id, "/")+"/") {
			a := v.App.clone()
			a.Instances = int(math.Ceil(float64(a.Instances) * factor))
			wanted[a.ID] = a
		}
	}
	return wanted
}

// replaceGroup makes the apps wanted the only ones below a group.
func (s *Server) replaceGroup(w http.ResponseWriter, r *http.Request, id string, wanted map[string]*App, force bool) {
	for _, v := range s.read().apps {
		if _, stays := wanted[v.ID]; !stays && strings.HasPrefix(v.ID, strings.TrimSuffix(id, "/")+"/") {
			wanted[v.ID] = nil
		}
	}
	d, err := s.apply(change{apps: wanted, group: id, force: force})
	replyDeployment(w, r, http.StatusOK, d, err)
}
