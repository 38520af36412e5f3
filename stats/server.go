package stats

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// Server is the :9090 side.
type Server struct {
	opt      Options
	src      Source
	log      *zap.Logger
	started  time.Time
	own      *own
	cpu      cpuShare
	linger   linger
	runtime  *prometheus.Registry
	http     *http.Server
	listener net.Listener
}

// Bounds of the server: a scraper that stalls must not hold a connection for ever.
const (
	readTimeout  = 10 * time.Second
	writeTimeout = time.Minute
	idleTimeout  = time.Minute
	mostHeader   = 32 << 10
	farewell     = 500 * time.Millisecond // for running requests when the server ends
)

// NewServer makes the server. Every function of src must be set.
func NewServer(opt Options, src Source, log *zap.Logger) *Server {
	now := time.Now()
	s := &Server{
		opt: opt, src: src, log: log, started: now, own: newOwn(opt.Bind, now), runtime: runtimeMetrics(),
		cpu: cpuShare{ncpu: runtime.GOMAXPROCS(0)},
	}
	s.http = &http.Server{
		Handler: s.own.counting(s.routes()), ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: mostHeader, ErrorLog: zap.NewStdLog(log),
	}
	return s
}

// routes is the map of the port. What is not on it gets HAProxy's 503, as does a method that HAProxy would not serve there.
func (s *Server) routes() http.Handler {
	r := mux.NewRouter().SkipClean(true).UseEncodedPath()
	r.NotFoundHandler = http.HandlerFunc(unmatched)

	r.MatcherFunc(asksForReport).HandlerFunc(s.report)
	r.MatcherFunc(asksFor("/_haproxy_health_check")).HandlerFunc(s.healthCheck)
	r.Path("/metrics").HandlerFunc(s.metrics)
	r.Path("/_haproxy_getpids").HandlerFunc(getPIDs)
	r.Path("/_haproxy_getconfig").HandlerFunc(s.getConfig)
	r.Path("/_haproxy_getvhostmap").HandlerFunc(s.vhostMap)
	r.Path("/_haproxy_getappmap").HandlerFunc(s.appMap)
	r.Path("/_mlb_signal/hup").HandlerFunc(s.signalHUP)
	r.Path("/_mlb_signal/usr1").HandlerFunc(signalUSR1)

	for path, answer := range map[string]http.HandlerFunc{
		"/ready": s.ready, "/v1/status": s.status, "/v1/problems": s.problems, "/v1/verdicts": s.verdicts, "/v1/explain": s.explain,
		"/v1/tasks/{id}/drained": s.drained,
	} {
		r.Path(path).Methods(http.MethodGet, http.MethodHead).HandlerFunc(answer)
	}
	return r
}

// ServeHTTP answers one request, as the port does.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.http.Handler.ServeHTTP(w, r) }

// asksFor matches one exact target: with a query string it is another one.
func asksFor(target string) mux.MatcherFunc {
	return func(r *http.Request, _ *mux.RouteMatch) bool { return origin(r.RequestURI) == target }
}

func asksForReport(r *http.Request, _ *mux.RouteMatch) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
		_, ok := parseQuery(r.RequestURI)
		return ok
	}
	return false
}

// report answers /haproxy?stats in all its forms.
func (s *Server) report(w http.ResponseWriter, r *http.Request) {
	q, _ := parseQuery(r.RequestURI)
	w.Header().Set("Cache-Control", "no-cache")
	if r.Method == http.MethodPost { // there are no admin actions
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Location", statsPrefix+";st=DENY")
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	rd := s.read()
	rd.rows = q.filter(rd.rows)
	var write func(io.Writer) error
	kind := "text/plain"
	switch q.format {
	case formatCSV:
		write = func(w io.Writer) error { return writeCSV(w, rd.rows) }
	case formatJSON:
		kind, write = "application/json", func(w io.Writer) error { return writeJSON(w, rd.rows) }
	case formatHTML:
		kind, write = "text/html", func(w io.Writer) error { return writeHTML(w, q, &rd, s.explained(q)) }
		w.Header().Set("Content-Security-Policy", pagePolicy)
	default:
		sendText(w, http.StatusNotImplemented, "This form of the report is not served here: ask for ;csv or ;json.\n")
		return
	}
	w.Header().Set("Content-Type", kind)
	if r.Method == http.MethodHead {
		return
	}
	if err := write(w); err != nil {
		s.log.Debug("statistics report broken off", zap.String("target", r.RequestURI), zap.Error(err))
	}
}

// Listen opens the port, so that a taken one is known before anything else starts. Run does it if nobody did.
func (s *Server) Listen() error {
	if s.listener != nil {
		return nil
	}
	at := s.opt.Bind.String()
	if a := s.opt.Bind.Addr(); !a.IsValid() || a.IsUnspecified() { // every address of both families
		at = ":" + strconv.Itoa(int(s.opt.Bind.Port()))
	}
	l, err := net.Listen("tcp", at)
	if err != nil {
		return fmt.Errorf("statistics port %s: %w%s", at, err, remedy(err))
	}
	s.listener = listener{l, s.own}
	return nil
}

func remedy(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return " (another program has it, perhaps a second marathon-lb: stop that one, or choose another port with --stats-bind)"
	case errors.Is(err, syscall.EACCES):
		return " (ports below 1024 need privilege: choose a higher one with --stats-bind)"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return " (no network interface has this address: correct --stats-bind)"
	}
	return ""
}

// Inherit makes a listener that another process listens on, too, the server's own. Run serves it.
func (s *Server) Inherit(l *net.TCPListener) { s.listener = listener{l, s.own} }

// Give is the listening socket, for another process.
func (s *Server) Give() (*os.File, error) {
	return s.listener.(listener).Listener.(*net.TCPListener).File()
}

// Addr is where the server listens; it is invalid before Listen.
func (s *Server) Addr() netip.AddrPort {
	if s.listener == nil {
		return netip.AddrPort{}
	}
	return s.listener.Addr().(*net.TCPAddr).AddrPort()
}

// Run serves until ctx ends, then lets running requests finish for a short while. It returns nil after an end that was asked for.
func (s *Server) Run(ctx context.Context) error {
	if err := s.Listen(); err != nil {
		return err
	}
	s.log.Info("statistics served", zap.Stringer("address", s.listener.Addr()))
	failed := make(chan error, 1)
	s.http.BaseContext = func(net.Listener) context.Context { return ctx } // whoever waits for something is answered when this ends
	go func() { failed <- s.http.Serve(s.listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("statistics port %s: %w", s.listener.Addr(), err)
	case <-ctx.Done():
	}
	leave, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	if err := s.http.Shutdown(leave); err != nil {
		s.http.Close()
	}
	<-failed
	return nil
}
