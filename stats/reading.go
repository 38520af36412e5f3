package stats

import (
	"cmp"
	"math"
	"sync"
	"syscall"
	"time"

	"marathon-lb/internal/route"
)

// reading is all there is to show, read at one moment for one request.
type reading struct {
	*view
	version    string // of this program
	started    time.Time
	generation uint64 // of the table, 0 if there is none
	built      time.Time
	marathons  []Marathon
	problems   []route.Problem
	certs      []Certificate
	nofile     uint64 // limit of open files
	idle       int    // percent
}

func (s *Server) read() reading {
	now := time.Now()
	nofile := openFiles()
	t := s.src.Table()
	var unopened map[string]bool
	if s.src.Unopened != nil {
		unopened = s.src.Unopened()
	}
	most := maxConn(nofile)
	if s.src.MaxConn != nil {
		most = s.src.MaxConn()
	}
	rd := reading{
		view: newView(t, s.own, unopened, most, now), version: s.src.Version, started: s.started,
		marathons: s.src.Marathons(), problems: s.src.Problems(),
		nofile: nofile, idle: s.cpu.idle(now),
	}
	if s.src.Certificates != nil {
		rd.certs = s.src.Certificates()
	}
	if t != nil {
		rd.generation, rd.built = t.Generation, t.Built
	}
	return rd
}

func (rd *reading) uptime() time.Duration { return rd.now.Sub(rd.started) }

// sum adds up a number over the rows of one kind.
func (v *view) sum(k kind, f func(*row) int64) int64 {
	var n int64
	for i := range v.rows {
		if v.rows[i].kind == k {
			n += f(&v.rows[i])
		}
	}
	return n
}

// openFiles is the process's limit of open files, as it is now.
func openFiles() uint64 {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		return 0
	}
	return r.Cur
}

// maxConn is how many client connections the open files suffice for: each needs one more towards its server.
func maxConn(nofile uint64) int64 { return int64(min(nofile/2, math.MaxInt32)) }

// cpuShare measures how much of the processors this process uses.
type cpuShare struct {
	mu      sync.Mutex
	at      time.Time
	used    time.Duration
	percent int
	ncpu    int
}

// cpuPeriod is the least time between two measurements; within it the last result stands.
const cpuPeriod = time.Second

// idle is the share of all processors that this process left unused since the measurement before, in percent.
func (c *cpuShare) idle(now time.Time) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall := now.Sub(c.at)
	if wall < cpuPeriod {
		return 100 - c.percent
	}
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 100 - c.percent
	}
	used := time.Duration(u.Utime.Nano() + u.Stime.Nano())
	if !c.at.IsZero() {
		c.percent = min(int(100*(used-c.used)/(wall*time.Duration(cmp.Or(c.ncpu, 1)))), 100)
	}
	c.at, c.used = now, used
	return 100 - c.percent
}
