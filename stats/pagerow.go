package stats

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
)

// pageCell is one cell.
type pageCell struct {
	text  template.HTML
	class string
	tip   []tip
	span  int // columns it covers, 0 for 1
}

// esc makes foreign text fit for the page. Everything that is not a constant or a number goes through it.
func esc(s string) template.HTML { return template.HTML(template.HTMLEscapeString(s)) }

// HTML is the row as the page shows it. It is put together by hand: for thousands of servers html/template would take several
// times as long, and five million allocations.
func (r *row) HTML() template.HTML {
	var b strings.Builder
	name := esc(r.svname)
	switch r.kind {
	case frontend:
		name = "Frontend"
	case backend:
		name = "Backend"
	}
	anchor := esc(r.pxname) + "/" + name
	fmt.Fprintf(&b, `<tr class="%s"><td class="ac" id="%s">`, r.class, anchor)
	tip := nameTip(r)
	if tip != nil {
		name = "<u>" + name + "</u>"
	}
	fmt.Fprintf(&b, `<a class="lfsb" href="#%s">%s</a>`, anchor, name)
	writeTip(&b, tip)
	b.WriteString("</td>")
	for i := 0; i < len(pageColumns); {
		c := pageColumns[i].cell(r)
		c.write(&b)
		i += max(c.span, 1)
	}
	b.WriteString("</tr>")
	return template.HTML(b.String())
}

func (c *pageCell) write(b *strings.Builder) {
	b.WriteString("<td")
	if c.class != "" {
		b.WriteString(` class="` + c.class + `"`)
	}
	if c.span > 1 {
		b.WriteString(` colspan="` + strconv.Itoa(c.span) + `"`)
	}
	b.WriteByte('>')
	if c.tip == nil {
		b.WriteString(string(c.text))
	} else {
		b.WriteString("<u>" + string(c.text) + "</u>")
		writeTip(b, c.tip)
	}
	b.WriteString("</td>")
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
