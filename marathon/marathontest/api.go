package marathontest

import (
	"bytes"
	"compress/gzip"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// serve answers every request: what is common to all, then faults, then the resource.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		panic(http.ErrAbortHandler)
	}
	defer s.wg.Done()
	for _, field := range s.commonFields() {
		w.Header()[field[0]] = []string{field[1]}
	}
	if s.o.DCOS != nil {
		r.URL.Path = strings.TrimPrefix(r.URL.Path, "/service/marathon")
	}
	switch {
	case s.o.DCOS != nil && !s.hasToken(r):
		html(w, http.StatusUnauthorized, "Unauthorized") // by Admin Router, in truth
	case !s.authorized(r):
		w.Header().Set("WWW-Authenticate", `Basic realm="Mesosphere"`)
		html(w, http.StatusUnauthorized, "Unauthorized")
	case strings.HasPrefix(r.URL.Path, "/sim/"):
		s.simulate(w, r)
	case r.URL.Path == "/v2/events":
		s.events(w, r)
	default:
		s.serveFaulty(w, r)
	}
}

// commonFields are in the head of every answer.
func (s *Server) commonFields() [][2]string {
	return [][2]string{
		{"X-Marathon-Leader", s.URL()}, {"X-Frame-Options", "DENY"}, {"X-XSS-Protection", "1; mode=block"},
		{"Cache-Control", "no-cache, no-store, must-revalidate"}, {"Pragma", "no-cache"}, {"Expires", "0"},
	}
}

func (s *Server) authorized(r *http.Request) bool {
	user, password, _ := r.BasicAuth()
	return s.o.Credentials == "" || subtle.ConstantTimeCompare([]byte(user+":"+password), []byte(s.o.Credentials)) == 1
}

// serveFaulty answers a request of the REST API as far as the faults let it.
func (s *Server) serveFaulty(w http.ResponseWriter, r *http.Request) {
	f := s.fault(r)
	if f.Hang {
		select {
		case <-r.Context().Done():
		case <-s.ctx.Done():
		}
		panic(http.ErrAbortHandler)
	}
	if f.Latency > 0 && !s.pause(f.Latency, r.Context().Done()) {
		panic(http.ErrAbortHandler)
	}
	switch {
	case f.Status != 0:
		html(w, f.Status, http.StatusText(f.Status))
	case f.HTML200:
		html(w, http.StatusOK, "Please log in")
	case f.EmptyApps:
		reply(w, r, http.StatusOK, map[string]any{"apps": []any{}})
	case f.Truncate:
		half := &recorder{ResponseWriter: w, status: http.StatusOK}
		s.rest(half, r)
		h := w.Header()
		h.Set("Content-Length", fmt.Sprint(half.body.Len()))
		w.WriteHeader(half.status)
		w.Write(half.body.Bytes()[:half.body.Len()/2])
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	default:
		s.rest(w, r)
	}
}

// recorder keeps the status and the body of an answer back.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }

// html answers as Jetty does where Marathon itself is not asked.
func html(w http.ResponseWriter, status int, reason string) {
	w.Header().Set("Content-Type", "text/html;charset=iso-8859-1")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<html><head><title>Error %d </title></head><body><h2>HTTP ERROR: %d</h2>"+
		"<p>Reason: <pre>%s</pre></p></body></html>\n", status, status, reason)
}

// reply answers with JSON, compressed if the client likes.
func reply(w http.ResponseWriter, r *http.Request, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // of plain data only
	}
	w.Header().Set("Content-Type", "application/json")
	var out io.Writer = w
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Vary", "Accept-Encoding")
		z := gzip.NewWriter(w)
		defer z.Close()
		out = z
	}
	w.WriteHeader(status)
	out.Write(text)
}

func refuse(w http.ResponseWriter, r *http.Request, e *Error) { reply(w, r, e.Status, e) }

// deploymentResult is the answer to a change.
type deploymentResult struct {
	Version      string `json:"version"`
	DeploymentID string `json:"deploymentId"`
}

func replyDeployment(w http.ResponseWriter, r *http.Request, status int, d *deployment, e *Error) {
	if e != nil {
		refuse(w, r, e)
		return
	}
	w.Header().Set("Marathon-Deployment-Id", d.id)
	reply(w, r, status, deploymentResult{d.version, d.id})
}

// flag is a boolean parameter of the query.
func flag(r *http.Request, name string, otherwise bool) bool {
	switch r.URL.Query().Get(name) {
	case "true":
		return true
	case "false":
		return false
	}
	return otherwise
}

// body is the body of a request.
func body(w http.ResponseWriter, r *http.Request) ([]byte, *Error) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 16<<20))
	if err != nil {
		return nil, badRequest("Request body: " + err.Error())
	}
	return b, nil
}
