package stats

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"marathon-lb/internal/route"
)

// pageColumn is a column of the page's tables, under a group of columns.
type pageColumn struct {
	group, Name string
	cell        func(*row) pageCell
}

// group is a heading over several columns.
type group struct {
	Name string
	Span int
}

// pageCell is one cell. Text is a string or, for grouped digits, HTML of our own making.
type pageCell struct {
	Text  any
	Class string
	Tip   []tip
	Span  int // columns it covers, 0 for 1
}

// pageColumns are HAProxy's, with its abbreviations, in its order.
var pageColumns = []pageColumn{
	{"Queue", "Cur", plainCell("qcur")},
	{"Queue", "Max", plainCell("qmax")},
	{"Queue", "Limit", limitCell("qlimit")},
	{"Session rate", "Cur", withTip(plainCell("rate"), rateTip(false))},
	{"Session rate", "Max", withTip(plainCell("rate_max"), rateTip(true))},
	{"Session rate", "Limit", limitCell("rate_lim")},
	{"Sessions", "Cur", plainCell("scur")},
	{"Sessions", "Max", plainCell("smax")},
	{"Sessions", "Limit", limitCell("slim")},
	{"Sessions", "Total", withTip(plainCell("stot"), totalTip)},
	{"Sessions", "LbTot", plainCell("lbtot")},
	{"Sessions", "Last", lastCell},
	{"Bytes", "In", plainCell("bin")},
	{"Bytes", "Out", plainCell("bout")},
	{"Denied", "Req", plainCell("dreq")},
	{"Denied", "Resp", plainCell("dresp")},
	{"Errors", "Req", plainCell("ereq")},
	{"Errors", "Conn", plainCell("econ")},
	{"Errors", "Resp", withTip(plainCell("eresp"), abortTip)},
	{"Warnings", "Retr", plainCell("wretr")},
	{"Warnings", "Redis", plainCell("wredis")},
	{"Server", "Status", statusCell},
	{"Server", "LastChk", lastCheckCell},
	{"Server", "Wght", weightCell},
	{"Server", "Act", roleCell("act")},
	{"Server", "Bck", roleCell("bck")},
	{"Server", "Chk", checkCell("chkfail", 3)},
	{"Server", "Dwn", plainCell("chkdown")},
	{"Server", "Dwntme", ageCell("downtime")},
	{"Server", "Thrtle", centred(limitCell("throttle"))},
}

var pageGroups = func() []group {
	var all []group
	for _, c := range pageColumns {
		if n := len(all); n > 0 && all[n-1].Name == c.group {
			all[n-1].Span++
		} else {
			all = append(all, group{c.group, 1})
		}
	}
	return all
}()

func pageCells(r *row) []pageCell {
	cells := make([]pageCell, 0, len(pageColumns))
	for i := 0; i < len(pageColumns); {
		c := pageColumns[i].cell(r)
		if c.Span == 0 {
			c.Span = 1
		}
		cells = append(cells, c)
		i += c.Span
	}
	return cells
}

// grouped is a number whose digits are set apart in threes by letter spacing, so that copying gives plain digits.
func grouped(n int64) template.HTML {
	digits := strconv.FormatInt(n, 10)
	var b strings.Builder
	for i := range len(digits) {
		if left := len(digits) - i - 1; left > 0 && left%3 == 0 && digits[i] != '-' {
			b.WriteString(`<i class="g">` + digits[i:i+1] + `</i>`)
		} else {
			b.WriteByte(digits[i])
		}
	}
	return template.HTML(b.String())
}

// plainCell shows a column of the CSV, blank where it is empty.
func plainCell(name string) func(*row) pageCell {
	c := columnAt(name)
	return func(r *row) pageCell {
		if v := c.cell(r); v.form == number {
			return pageCell{Text: grouped(v.n)}
		}
		return pageCell{}
	}
}

// limitCell shows a limit: "-" where there could be one.
func limitCell(name string) func(*row) pageCell {
	c := columnAt(name)
	return func(r *row) pageCell {
		if !c.rows.have(r) {
			return pageCell{}
		}
		if v := c.cell(r); v.n > 0 {
			return pageCell{Text: grouped(v.n)}
		}
		return pageCell{Text: "-"}
	}
}

// centred is the same cell in the middle of its column.
func centred(cell func(*row) pageCell) func(*row) pageCell {
	return func(r *row) pageCell {
		c := cell(r)
		c.Class = "ac"
		return c
	}
}

func withTip(cell func(*row) pageCell, tip func(*row) []tip) func(*row) pageCell {
	return func(r *row) pageCell {
		c := cell(r)
		if c.Text != nil {
			c.Tip = tip(r)
		}
		return c
	}
}

func lastCell(r *row) pageCell {
	switch {
	case r.kind == frontend:
		return pageCell{}
	case r.lastsess < 0:
		return pageCell{Text: "?"}
	}
	return pageCell{Text: ago(r.lastsess)}
}

func ageCell(name string) func(*row) pageCell {
	c := columnAt(name)
	return func(r *row) pageCell {
		if v := c.cell(r); v.form == number {
			return pageCell{Text: ago(time.Duration(v.n) * time.Second)}
		}
		return pageCell{}
	}
}

func statusCell(r *row) pageCell {
	c := pageCell{Class: "ac"}
	switch {
	case r.status == "no check":
		c.Class, c.Text = "ac i", r.status
		return c
	case r.kind == backend && strings.HasPrefix(r.status, "DOWN"):
		c.Class = "ac dead"
	}
	words := []string{}
	if r.lastchg >= 0 {
		words = append(words, ago(r.lastchg))
	}
	words = append(words, r.status)
	switch {
	case r.draining:
		words = append(words, "(draining)")
	case r.backup:
		words = append(words, "(last resort)")
	}
	c.Text = strings.Join(words, " ")
	return c
}

// lastCheckCell says who checks the server. A frontend has nothing in this column and those after it.
func lastCheckCell(r *row) pageCell {
	switch {
	case r.kind == frontend:
		return pageCell{Span: 8}
	case r.kind == backend || r.draining || !r.checked:
		return pageCell{}
	case r.waiting:
		return pageCell{Text: "INI", Class: "ac", Tip: []tip{{Label: "Waits for its first probe", Title: true}}}
	case r.status == "UP":
		return pageCell{Text: "Marathon", Class: "ac", Tip: []tip{{Label: "Marathon's own health checks all pass", Title: true}}}
	}
	return pageCell{}
}

func weightCell(r *row) pageCell {
	return pageCell{Text: fmt.Sprintf("%d/%d", weight(r), weight(r)), Class: "ac"}
}

// roleCell is Y or - for a server, a number for a backend.
func roleCell(name string) func(*row) pageCell {
	c := columnAt(name)
	return func(r *row) pageCell {
		n := c.cell(r).n
		switch {
		case r.kind == backend:
			return pageCell{Text: grouped(n), Class: "ac"}
		case n > 0:
			return pageCell{Text: "Y", Class: "ac"}
		}
		return pageCell{Text: "-", Class: "ac"}
	}
}

// checkCell is a column about checks; without a check, one blank covers it and those that belong to it.
func checkCell(name string, span int) func(*row) pageCell {
	cell := plainCell(name)
	return func(r *row) pageCell {
		if r.kind == server && !r.checked {
			return pageCell{Span: span}
		}
		return cell(r)
	}
}

// tip is a line of the box that opens over an underlined value.
type tip struct {
	Label string
	Value any
	Note  string
	Title bool // Label alone, over the whole width
}

func count(label string, n int64) tip { return tip{Label: label, Value: grouped(n)} }

// share is a count with its share of a whole.
func share(label string, n, of uint64) tip {
	t := count(label, int64(n))
	if of > 0 {
		t.Note = fmt.Sprintf("(%d%%)", 100*n/of)
	}
	return t
}

func rateTip(peak bool) func(*row) []tip {
	return func(r *row) []tip {
		if r.kind != frontend {
			return nil
		}
		conns, sessions, requests := r.connRate, r.rate, r.reqRate
		if peak {
			conns, sessions, requests = r.connRateMax, r.rateMax, r.reqRateMax
		}
		tips := []tip{count("Connection rate:", conns), count("Session rate:", sessions)}
		if r.mode == route.HTTP {
			tips = append(tips, count("Request rate:", requests))
		}
		for i := range tips {
			tips[i].Note = "/s"
		}
		return tips
	}
}

func totalTip(r *row) []tip {
	n := func(c route.Count) int64 { return int64(r.counts[c]) }
	var tips []tip
	if r.kind == frontend {
		tips = append(tips, count("Cum. connections:", n(route.Connections)), count("Cum. sessions:", n(route.Sessions)))
	} else {
		tips = append(tips, count("Cum. sessions:", n(route.Sessions)), count("New connections:", n(route.Connects)),
			share("Reused connections:", r.counts[route.Reuses], r.counts[route.Connects]+r.counts[route.Reuses]))
	}
	if r.mode == route.HTTP {
		tips = append(tips, count("Cum. HTTP requests:", n(route.Requests)))
		var all uint64
		for c := route.Resp1xx; c <= route.RespOther; c++ {
			all += r.counts[c]
		}
		for i, class := range []string{"HTTP 1xx", "HTTP 2xx", "HTTP 3xx", "HTTP 4xx", "HTTP 5xx", "other"} {
			tips = append(tips, share("- "+class+" responses:", r.counts[route.Resp1xx+route.Count(i)], all))
		}
		if r.kind == frontend {
			tips = append(tips, count("Intercepted requests:", n(route.Intercepted)))
		}
		tips = append(tips, count("Failed hdr rewrites:", n(route.RewriteErrors)))
	}
	tips = append(tips, count("Internal errors:", n(route.InternalErrors)))
	if r.kind != frontend {
		tips = append(tips, tip{Label: "Max / Avg over last 1024 requests", Title: true},
			times("- Queue time:", r.qtime), times("- Connect time:", r.ctime), times("- Responses time:", r.rtime), times("- Total time:", r.ttime))
	}
	return tips
}

func times(label string, t [2]int64) tip {
	return tip{Label: label, Value: fmt.Sprintf("%d / %d", t[1], t[0]), Note: "ms"}
}

func abortTip(r *row) []tip {
	return []tip{
		{Label: "Transfers broken off", Title: true},
		count("by the client:", int64(r.counts[route.ClientAborts])), count("by the server:", int64(r.counts[route.ServerAborts])),
	}
}

// nameTip says what a row stands for in Marathon's terms, which HAProxy cannot know.
func nameTip(r *row) []tip {
	switch {
	case r.kind == frontend:
		return []tip{{Label: "Listens on:", Value: route.BindText(r.listener.Bind)}, {Label: "Mode:", Value: string(r.mode)}}
	case r.kind == backend && r.backend == nil:
		return nil
	case r.kind == backend:
		tips := []tip{
			{Label: "App:", Value: r.backend.App}, {Label: "Service port:", Value: r.backend.Port},
			{Label: "Mode:", Value: string(r.mode)}, {Label: "Balance:", Value: string(r.backend.Balance)},
		}
		if r.backend.Sticky != "" {
			tips = append(tips, tip{Label: "Cookie:", Value: r.backend.Sticky})
		}
		return tips
	}
	tips := []tip{
		{Label: "App:", Value: r.server.App}, {Label: "Task:", Value: r.server.Task},
		{Label: "Address:", Value: r.server.Addr.String()}, {Label: "Id:", Value: r.sid},
	}
	if r.backend.Sticky != "" {
		tips = append(tips, tip{Label: "Cookie:", Value: r.server.Cookie})
	}
	return tips
}
