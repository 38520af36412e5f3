package stats

import (
	"cmp"
	"net/netip"
	"time"

	"marathon-lb/internal/route"
)

// Options is what the stats side obeys. config binds command-line flags to these fields; each comment is the flag's help.
type Options struct {
	// Bind is where the stats page, metrics and the /v1 API are served.
	Bind netip.AddrPort
	// Maps shows which host and which app id leads to which backend, at /_haproxy_getvhostmap and /_haproxy_getappmap.
	Maps bool
}

// Source is where everything shown comes from. The functions are called for each request that needs them, from any goroutine.
type Source struct {
	Version   string // of this program
	Table     func() *route.Table
	Problems  func() []route.Problem
	Verdicts  func() []route.Verdict
	Explain   func(route.Question) (route.Explanation, error) // its error says what is wrong with the question
	Marathons func() []Marathon                               // at least one
	Ready     func() bool                                     // there is a table to serve from, and the process is not leaving
	Resync    func()                                          // asks for a full read of each Marathon now

	HAProxy      func() string          // what is served, as HAProxy's configuration
	Certificates func() []Certificate   // that may be served; nil if there are never any
	MaxConn      func() int64           // how many client connections there may be; nil for as many as the open files suffice for
	Unopened     func() map[string]bool // ports of the table that cannot be opened, as route.BindText writes them; nil if never any
}

// Certificate says until when a certificate is valid.
type Certificate struct {
	Source   string   // the file or variable it is from, which names it
	Hosts    []string // it is for
	NotAfter time.Time
}

// Marathon is how following Marathon fares. /v1/status shows it as it is.
type Marathon struct {
	Name          string            `json:"name,omitempty"`     // if there are several
	Up            bool              `json:"up"`                 // it can be followed at the moment
	Since         time.Time         `json:"since,omitzero"`     // when Up last changed; zero if unknown
	Poll          bool              `json:"poll"`               // there is no event stream to speak of
	Endpoint      string            `json:"endpoint"`           // base URL of the last answer, or of those configured before the first
	Leader        string            `json:"leader,omitempty"`   // as it names itself, empty if it does not
	Read          time.Time         `json:"read,omitzero"`      // when the newest full read in force was asked for; zero before the first
	LastEvent     time.Time         `json:"lastEvent,omitzero"` // zero before the first
	Apps          int               `json:"apps"`
	Events        uint64            `json:"events"`
	BadEvents     uint64            `json:"badEvents"`
	UnknownEvents uint64            `json:"unknownEvents"`
	Reconnects    uint64            `json:"reconnects"`
	Builds        uint64            `json:"builds"`               // tables built because Marathon changed
	ReadErrors    map[string]uint64 `json:"readErrors,omitempty"` // by reason
	GuardActive   bool              `json:"guardActive"`          // a sudden collapse is being held back
	GuardSince    time.Time         `json:"guardSince,omitzero"`
	GuardTotal    uint64            `json:"guardTotal"`         // collapses held back since the start
	GuardWhy      string            `json:"guardWhy,omitempty"` // what would go
	Trouble       string            `json:"trouble,omitempty"`  // why it is not up, empty if it is
}

// age is how old the picture of Marathon is at now; ok is false before the first read.
func (m *Marathon) age(now time.Time) (age time.Duration, ok bool) {
	return max(now.Sub(m.Read), 0), !m.Read.IsZero()
}

// together is the one Marathon that stands for all, the worst: one never read, then one that is not up, then the one read longest ago.
func together(all []Marathon) Marathon {
	worst := all[0]
	for _, m := range all[1:] {
		unread := cmp.Compare(one(m.Read.IsZero()), one(worst.Read.IsZero()))
		down := cmp.Compare(one(!m.Up), one(!worst.Up))
		if cmp.Or(unread, down, worst.Read.Compare(m.Read)) > 0 {
			worst = m
		}
	}
	return worst
}
