package stats

import (
	"fmt"
	"html/template"
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
	{"Bytes", "Out", withTip(plainCell("bout"), compressionTip)},
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
	{"Server", "Thrtle", throttleCell},
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

// plainCell shows a column of the CSV, blank where it is empty.
func plainCell(name string) func(*row) pageCell {
	c := col(name)
	return func(r *row) pageCell {
		if v := c.cell(r); v.form == number {
			return pageCell{text: grouped(v.n)}
		}
		return pageCell{}
	}
}

// limitCell shows a limit: "-" where there could be one.
func limitCell(name string) func(*row) pageCell {
	c := col(name)
	return func(r *row) pageCell {
		if !c.rows.have(r) {
			return pageCell{}
		}
		if v := c.cell(r); v.n > 0 {
			return pageCell{text: grouped(v.n)}
		}
		return pageCell{text: "-"}
	}
}

// throttleCell is the weight of a server that warms up.
func throttleCell(r *row) pageCell {
	c := pageCell{class: "ac"}
	switch {
	case r.warms:
		c.text = template.HTML(fmt.Sprintf("%d %%", r.warmth))
	case r.kind == server:
		c.text = "-"
	}
	return c
}

func withTip(cell func(*row) pageCell, tip func(*row) []tip) func(*row) pageCell {
	return func(r *row) pageCell {
		c := cell(r)
		if c.text != "" {
			c.tip = tip(r)
		}
		return c
	}
}

func age(d time.Duration) template.HTML { return template.HTML(ago(d)) }

func lastCell(r *row) pageCell {
	switch {
	case r.kind == frontend:
		return pageCell{}
	case r.lastsess < 0:
		return pageCell{text: "?"}
	}
	return pageCell{text: age(r.lastsess)}
}

func ageCell(name string) func(*row) pageCell {
	c := col(name)
	return func(r *row) pageCell {
		if v := c.cell(r); v.form == number {
			return pageCell{text: age(time.Duration(v.n) * time.Second)}
		}
		return pageCell{}
	}
}

func statusCell(r *row) pageCell {
	c := pageCell{class: "ac"}
	switch {
	case r.status == "no check":
		c.class, c.text = "ac i", "no check"
		return c
	case r.kind == backend && strings.HasPrefix(r.status, "DOWN"), r.status == stopped:
		c.class = "ac dead"
	}
	words := []string{ago(r.lastchg), r.status}
	switch {
	case r.kind == frontend:
		words = words[1:]
	case r.draining:
		words = append(words, "(draining)")
	case r.backup:
		words = append(words, "(last resort)")
	case r.panics:
		words = append(words, "(panic)")
	}
	if r.probed() {
		words = append(words, direction(r.check)...)
	}
	c.text = esc(strings.Join(words, " "))
	return c
}

// direction is an arrow for a server whose probes begin to say something else.
func direction(c *route.Checked) []string {
	switch {
	case c.Health == route.Down && c.Score > 0:
		return []string{"↑"}
	case c.Health == route.Up && !c.Full():
		return []string{"↓"}
	}
	return nil
}

// lastCheckCell is the result of the last probe: "L7OK/200 in 1ms". A frontend has nothing in this column and those after it.
func lastCheckCell(r *row) pageCell {
	switch {
	case r.kind == frontend:
		return pageCell{span: 8}
	case !r.probed():
		return pageCell{}
	}
	text := checkStatus(r).s
	if r.check.Code != 0 {
		text += fmt.Sprintf("/%d", r.check.Code)
	}
	if r.check.Status != route.INI {
		text += fmt.Sprintf(" in %dms", r.check.Took.Milliseconds())
	}
	return pageCell{text: esc(text), class: "ac", tip: lastCheckTip(r)}
}

func weightCell(r *row) pageCell {
	return pageCell{text: template.HTML(fmt.Sprintf("%d/%d", weight(r), weight(r))), class: "ac"}
}

// roleCell is Y or - for a server, a number for a backend.
func roleCell(name string) func(*row) pageCell {
	c := col(name)
	return func(r *row) pageCell {
		n := c.cell(r).n
		switch {
		case r.kind == backend:
			return pageCell{text: grouped(n), class: "ac"}
		case n > 0:
			return pageCell{text: "Y", class: "ac"}
		}
		return pageCell{text: "-", class: "ac"}
	}
}

// checkCell is a column about checks; without a check, one blank covers it and those that belong to it.
func checkCell(name string, span int) func(*row) pageCell {
	cell := plainCell(name)
	return func(r *row) pageCell {
		if r.kind == server && r.check == nil {
			return pageCell{span: span}
		}
		return cell(r)
	}
}
