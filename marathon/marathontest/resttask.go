package marathontest

import (
	"encoding/json"
	"net/http"
	"slices"
)

// tasksResource is /v2/tasks and /v2/tasks/delete.
func (s *Server) tasksResource(w http.ResponseWriter, r *http.Request, rest string) {
	switch {
	case rest == "" && r.Method == http.MethodGet:
		q := r.URL.Query()
		tasks := s.read().tasks(append(q["status"], q["status[]"]...))
		reply(w, r, http.StatusOK, map[string]any{"tasks": tasks})
	case rest == "delete" && r.Method == http.MethodPost:
		s.deleteTasks(w, r)
	default:
		html(w, http.StatusMethodNotAllowed, "Method Not Allowed")
	}
}

// tasks are those of all apps, with their service ports, which are nowhere else.
func (l *snapshot) tasks(statuses []string) []taskView {
	all := []taskView{}
	for _, a := range l.apps {
		for _, t := range *a.Tasks {
			running := t.State == "TASK_RUNNING" && slices.Contains(statuses, "running")
			staging := (t.State == "TASK_STAGING" || t.State == "TASK_STARTING") && slices.Contains(statuses, "staging")
			if len(statuses) == 0 || running || staging {
				t.ServicePorts = a.servicePortNumbers()
				all = append(all, t)
			}
		}
	}
	return all
}

func (s *Server) deleteTasks(w http.ResponseWriter, r *http.Request) {
	var want struct {
		IDs []string `json:"ids"`
	}
	text, err := body(w, r)
	if err == nil {
		if e := json.Unmarshal(text, &want); e != nil {
			err = badRequest("Invalid JSON")
		}
	}
	if err != nil {
		refuse(w, r, err)
		return
	}
	s.killAndReply(w, r, "tasks", func(t *Task) bool { return slices.Contains(want.IDs, t.id) })
}

// appTasks is /v2/apps/{id}/tasks.
func (s *Server) appTasks(w http.ResponseWriter, r *http.Request, id string) {
	a := s.read().app(id)
	switch {
	case a == nil:
		refuse(w, r, noApp(id))
	case r.Method == http.MethodGet:
		reply(w, r, http.StatusOK, map[string]any{"tasks": *a.Tasks})
	case r.Method == http.MethodDelete:
		host := r.URL.Query().Get("host")
		s.killAndReply(w, r, "tasks", func(t *Task) bool { return t.app.ID == id && (host == "" || host == "*" || host == t.host) })
	default:
		html(w, http.StatusMethodNotAllowed, "Method Not Allowed")
	}
}

// appTask is /v2/apps/{id}/tasks/{task}.
func (s *Server) appTask(w http.ResponseWriter, r *http.Request, id, task string) {
	a := s.read().app(id)
	switch {
	case a == nil:
		refuse(w, r, noApp(id))
	case r.Method != http.MethodDelete:
		html(w, http.StatusMethodNotAllowed, "Method Not Allowed")
	case !slices.ContainsFunc(*a.Tasks, func(t taskView) bool { return t.ID == task }):
		refuse(w, r, notFound("Task '%s' does not exist", task))
	default:
		s.killAndReply(w, r, "task", func(t *Task) bool { return t.id == task })
	}
}

// killAndReply kills the tasks that match and answers with what was killed, under the name of member, or with the deployment that
// scales their apps down.
func (s *Server) killAndReply(w http.ResponseWriter, r *http.Request, member string, match func(*Task) bool) {
	scale, wipe := flag(r, "scale", false), flag(r, "wipe", false)
	if scale && wipe {
		refuse(w, r, badRequest("You cannot use scale and wipe at the same time."))
		return
	}
	killed, d, err := s.kill(match, scale, wipe, flag(r, "force", false))
	switch {
	case err != nil || d != nil:
		replyDeployment(w, r, http.StatusOK, d, err)
	case member == "task" && len(killed) == 1:
		reply(w, r, http.StatusOK, map[string]any{member: killed[0]})
	default:
		reply(w, r, http.StatusOK, map[string]any{member: killed})
	}
}
