package proxy

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// accessLog writes a line for each exchange, or for those that failed. A log that does not keep up loses lines and never holds up
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

// logLine is what HAProxy's httplog and tcplog say of an exchange (haproxy-stats.md 6).
type logLine struct {
	exchange *exchange
	ended    time.Time
	bytes    uint64
}

// write hands an exchange that ended to the writer.
func (l *accessLog) write(x *exchange, ended time.Time, bytes uint64) {
	if l.which == LogOff || l.which == LogErrors && (x.failure == OK || x.failure == Redirected) {
		return
	}
	select {
	case l.lines <- logLine{x, ended, bytes}:
	default:
		l.dropped.Add(1)
	}
}

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

func (l logLine) fields() []zap.Field {
	x := l.exchange
	row := x.failure.row()
	status := x.status
	if status == 0 {
		status = row.logged
	}
	front, back, server := "", "", "<NOSRV>"
	if x.front != nil {
		front, back = x.front.Spec.Name, x.front.Spec.Name
	}
	if b := x.action.Backend; b != nil {
		back = b.Spec.Name
	}
	if s := x.try.server; s != nil {
		server = s.Name
	}
	fields := []zap.Field{
		zap.Stringer("client", x.request.Source), zap.String("frontend", front), zap.String("backend", back), zap.String("server", server),
		zap.String("times", x.phases(l.ended)), zap.Uint64("bytes", l.bytes), zap.String("term", row.term), zap.Int("retries", x.retries),
	}
	if x.http() {
		fields = append(fields, zap.Int("status", status), zap.String("host", x.request.Host), zap.String("line", x.line))
	}
	if x.failure != OK {
		fields = append(fields, zap.Stringer("failure", x.failure))
	}
	return fields
}

// phases are Tw/Tc/Tr/Ta in milliseconds: waiting, connecting, the server's head, all; -1 for what was not reached.
func (x *exchange) phases(ended time.Time) string {
	ms := func(from, to time.Time) string {
		if from.IsZero() || to.IsZero() {
			return "-1"
		}
		return strconv.FormatInt(to.Sub(from).Milliseconds(), 10)
	}
	return ms(x.began, x.tried) + "/" + ms(x.tried, x.connected) + "/" + ms(x.connected, x.answered) + "/" + ms(x.began, ended)
}
