package proxy

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// accessLog writes a line for each exchange, or for those that failed and those of backends that want it. A log that does not keep up loses lines and never holds up
// a request.
type accessLog struct {
	which   AccessLog
	zap     *zap.Logger
	lines   chan logLine
	dropped atomic.Uint64
	once    sync.Once
	closed  chan struct{}
}

// mostLines wait for the writer at a time.
const mostLines = 4096

func newAccessLog(which AccessLog, log *zap.Logger) *accessLog {
	if which == "" {
		which = LogErrors
	}
	return &accessLog{which: which, zap: log, lines: make(chan logLine, mostLines), closed: make(chan struct{})}
}

// logLine is what HAProxy's httplog and tcplog say of an exchange (haproxy-stats.md 6). It holds nothing of the exchange itself, which may be
// used for the next request by the time it is written.
type logLine struct {
	client              netip.AddrPort
	front, back, server string
	phases              [4]int64
	bytes               uint64
	failure             Failure
	retries, status     int
	host, line          string // line is empty for TCP
}

// write hands an exchange that ended to the writer.
func (l *accessLog) write(x *exchange, ended time.Time, bytes uint64) {
	if l.which == LogOff || l.which == LogErrors && (x.failure == OK || x.failure == Redirected) && !x.logsAll() {
		return
	}
	select {
	case l.lines <- x.logLine(ended, bytes):
	default:
		l.dropped.Add(1)
	}
}

// logsAll says that the backend wants a line for each exchange.
func (x *exchange) logsAll() bool { return x.action.Backend != nil && x.action.Backend.Spec.LogAll }

// run writes until end, and what was handed over before it.
func (l *accessLog) run() {
	for {
		select {
		case line := <-l.lines:
			l.zap.Info("request", line.fields()...)
		case <-l.closed:
			for len(l.lines) > 0 {
				line := <-l.lines
				l.zap.Info("request", line.fields()...)
			}
			if n := l.dropped.Load(); n > 0 {
				l.zap.Warn("access log lines were dropped because the log did not keep up", zap.Uint64("dropped", n))
			}
			return
		}
	}
}

func (l *accessLog) end() { l.once.Do(func() { close(l.closed) }) }

func (x *exchange) logLine(ended time.Time, bytes uint64) logLine {
	line := logLine{
		client: x.request.Source, server: "<NOSRV>", phases: x.phases(ended), bytes: bytes, failure: x.failure, retries: x.retries,
		status: cmp.Or(x.status, x.failure.row().logged), host: strings.Clone(x.request.Host), line: strings.Clone(x.line),
	}
	if x.front != nil {
		line.front, line.back = x.front.Spec.Name, x.front.Spec.Name
	}
	if b := x.action.Backend; b != nil {
		line.back = b.Spec.Name
	}
	if s := x.try.server; s != nil {
		line.server = s.Name
	}
	return line
}

func (l logLine) fields() []zap.Field {
	p := l.phases
	fields := []zap.Field{
		zap.Stringer("client", l.client), zap.String("frontend", l.front), zap.String("backend", l.back), zap.String("server", l.server),
		zap.String("times", fmt.Sprintf("%d/%d/%d/%d", p[0], p[1], p[2], p[3])), zap.Uint64("bytes", l.bytes),
		zap.String("term", l.failure.row().term), zap.Int("retries", l.retries),
	}
	if l.line != "" {
		fields = append(fields, zap.Int("status", l.status), zap.String("host", l.host), zap.String("line", l.line))
	}
	if l.failure != OK {
		fields = append(fields, zap.Stringer("failure", l.failure))
	}
	return fields
}

// phases are Tw/Tc/Tr/Ta in milliseconds: waiting, connecting, the server's head, all; -1 for what was not reached.
func (x *exchange) phases(ended time.Time) [4]int64 {
	ms := func(from, to time.Time) int64 {
		if from.IsZero() || to.IsZero() {
			return -1
		}
		return to.Sub(from).Milliseconds()
	}
	return [4]int64{ms(x.began, x.tried), ms(x.tried, x.connected), ms(x.connected, x.answered), ms(x.began, ended)}
}
