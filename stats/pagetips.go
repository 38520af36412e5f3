package stats

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"

	"marathon-lb/internal/route"
)

// tip is a line of the box that opens over an underlined value.
type tip struct{ label, value, note template.HTML }

// title is a line with a text alone.
func title(text template.HTML) tip { return tip{label: text} }

func writeTip(b *strings.Builder, tips []tip) {
	if tips == nil {
		return
	}
	b.WriteString(`<div class="tips"><table>`)
	for _, t := range tips {
		if t.value == "" {
			b.WriteString(`<tr><th colspan="3">` + string(t.label) + "</th></tr>")
		} else {
			b.WriteString("<tr><th>" + string(t.label) + "</th><td>" + string(t.value) + "</td><td>" + string(t.note) + "</td></tr>")
		}
	}
	b.WriteString("</table></div>")
}

func says(label template.HTML, value string) tip { return tip{label: label, value: esc(value)} }

func saysNumber(label template.HTML, n int) tip { return says(label, strconv.Itoa(n)) }

func count(label template.HTML, n int64) tip { return tip{label: label, value: grouped(n)} }

// share is a count with its share of a whole.
func share(label template.HTML, n, of uint64) tip {
	t := count(label, int64(n))
	if of > 0 {
		t.note = template.HTML(fmt.Sprintf("(%d%%)", 100*n/of))
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
			tips[i].note = "/s"
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
		for i, class := range []template.HTML{"HTTP 1xx", "HTTP 2xx", "HTTP 3xx", "HTTP 4xx", "HTTP 5xx", "other"} {
			tips = append(tips, share("- "+class+" responses:", r.counts[route.Resp1xx+route.Count(i)], all))
			if compressed := r.counts[route.Compressed]; route.Resp1xx+route.Count(i) == route.Resp2xx && compressed > 0 {
				tips = append(tips, share("&nbsp; Compressed 2xx:", compressed, r.counts[route.Resp2xx]))
			}
		}
		if r.kind == frontend {
			tips = append(tips, count("Intercepted requests:", n(route.Intercepted)))
		}
		tips = append(tips, count("Failed hdr rewrites:", n(route.RewriteErrors)))
	}
	tips = append(tips, count("Internal errors:", n(route.InternalErrors)))
	if r.kind != frontend {
		tips = append(tips, title("Max / Avg over last 1024 requests"),
			times("- Queue time:", r.qtime), times("- Connect time:", r.ctime),
			times("- Responses time:", r.rtime), times("- Total time:", r.ttime))
	}
	return tips
}

// compressionTip says what the compression that a template asks for does; nothing where there was none.
func compressionTip(r *row) []tip {
	in, out := r.counts[route.CompressedIn], r.counts[route.CompressedOut]
	if in == 0 {
		return nil
	}
	return []tip{count("Compression in:", int64(in)), share("Compression out:", out, in), count("Bytes saved:", int64(in)-int64(out))}
}

func times(label template.HTML, t [2]int64) tip {
	return tip{label, template.HTML(fmt.Sprintf("%d / %d", t[1], t[0])), "ms"}
}

func abortTip(r *row) []tip {
	return []tip{
		title("Transfers broken off"),
		count("by the client:", int64(r.counts[route.ClientAborts])), count("by the server:", int64(r.counts[route.ServerAborts])),
	}
}

// lastCheckTip says what the result of a probe means, what the server or the system said, and where Marathon's word counts more.
func lastCheckTip(r *row) []tip {
	words := checkText(r.check.Status)
	if r.check.Text != "" {
		words += ": " + r.check.Text
	}
	tips := []tip{title(esc(words))}
	switch {
	case r.waits():
		tips = append(tips, title("Nobody vouches for it: it waits for its first good probe"))
	case r.check.Status == route.INI:
		tips = append(tips, title("Marathon vouches for it until it is probed"))
	}
	return tips
}

// nameTip says what a row stands for in Marathon's terms, which HAProxy cannot know.
func nameTip(r *row) []tip {
	switch {
	case r.kind == frontend:
		return []tip{says("Listens on:", route.BindText(r.listener.Bind)), says("Mode:", string(r.mode))}
	case r.kind == backend && r.backend == nil:
		return nil
	case r.kind == backend:
		tips := []tip{
			says("App:", r.backend.App), saysNumber("Service port:", r.backend.Port),
			says("Mode:", string(r.mode)), says("Balance:", string(r.backend.Balance)),
		}
		if r.backend.Sticky != "" {
			tips = append(tips, says("Cookie:", r.backend.Sticky))
		}
		return tips
	}
	tips := []tip{
		says("App:", r.server.App), says("Task:", r.server.Task),
		says("Address:", r.server.Addr.String()), saysNumber("Id:", r.sid),
	}
	if r.backend.Sticky != "" {
		tips = append(tips, says("Cookie:", r.server.Cookie))
	}
	return tips
}
