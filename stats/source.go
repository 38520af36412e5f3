package stats

import (
	"net/netip"
	"time"

	"marathon-lb/internal/route"
)

// Options is what the stats side obeys. config binds command-line flags to these fields; each comment is the flag's help.
type Options struct {
	// Bind is where the stats page, metrics and the /v1 API are served.
	Bind netip.AddrPort
}

// Source is where everything shown comes from. The functions are called for each request that needs them, from any goroutine.
type Source struct {
	Version  string // of this program
	Table    func() *route.Table
	Problems func() []route.Problem
	Verdicts func() []route.Verdict
	Marathon func() Marathon
	Ready    func() bool // there is a table to serve from, and the process is not leaving
	Resync   func()      // asks for a full read of Marathon now
}

// Marathon is how following Marathon fares.
type Marathon struct {
	Up            bool      // it can be followed at the moment
	Poll          bool      // there is no event stream to speak of
	Endpoint      string    // base URL of the last answer, or of those configured before the first
	Leader        string    // as it names itself, empty if it does not
	Read          time.Time // when the newest full read in force was asked for; zero before the first
	LastEvent     time.Time // zero before the first
	Apps          int
	Events        uint64
	BadEvents     uint64
	UnknownEvents uint64
	Reconnects    uint64
	Builds        uint64            // tables built because Marathon changed
	ReadErrors    map[string]uint64 // by reason
	GuardActive   bool              // a sudden collapse is being held back
	GuardSince    time.Time
	GuardTotal    uint64 // collapses held back since the start
	GuardWhy      string // what would go
	Trouble       string // why it is not up, empty if it is
}
