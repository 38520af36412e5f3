package marathon

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"marathon-lb/internal/route"
)

// DirectivesPage is the table of directives in Markdown: docs/directives.md.
func DirectivesPage() string {
	var b strings.Builder
	b.WriteString(`# Directives

Templates ([labels](labels.md)) hold text in HAProxy's language. Its lines are read as HAProxy reads them, with its quotes, escapes,
comments and conditions (` + "`if`, `unless`, `!`, `or`" + `), and carried out by this table. What is not in it, or cannot be carried out, is a
*problem* that names the app, the label, the line and what to use instead; the other lines count all the same. A line that keeps
somebody out and cannot be carried out closes the service: its HTTP entries answer 503, its tcp port is not opened.

In most templates ` + "`{name}`" + ` stands for a value and braces that mean themselves are doubled, as in Marathon-LB; in BACKEND_HTTP_OPTIONS,
BACKEND_HSTS_OPTIONS and BACKEND_STICKY_OPTIONS braces mean themselves. Lines of a template that belongs to a frontend concern requests
on its port only, and only those of the service whose template it is. Of the template HEAD, lines of section defaults count for all services: errorfile, compression, option httplog and timeout connect, server and
tunnel. Regular expressions are [RE2's](https://github.com/google/re2/wiki/Syntax).

Where directives act differently from HAProxy's is in [differences](differences.md).

| directive | | what it does, or what to use instead |
| --- | --- | --- |
`)
	for _, d := range Directives() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", d.Words, d.Effect, d.page())
	}
	b.WriteString("\n## Words of a server\n\n| word | what becomes of it |\n| --- | --- |\n")
	for _, word := range slices.Sorted(maps.Keys(serverOptionRows)) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", word, serverOptionRows[word].page())
	}
	b.WriteString("\n## Fetches\n\nWhat an acl can test, and what `%[...]` can write. Those marked * have the forms `_beg`, `_end`, `_sub`, `_reg`, `_dir`, `_dom` and `_len`.\n" +
		"Matches are `-m` with str, beg, end, sub, dir, dom, reg, int, len, ip, bool and found, and `-i`.\n\n")
	for _, f := range route.Fetches() {
		fmt.Fprintf(&b, "* `%s`\n", f)
	}
	b.WriteString("\nConverters: `lower`, `upper`, `length`, `field`, `word`, `regsub`, `url_dec`, `base64`.\n")
	return b.String()
}

func (d Directive) page() string {
	text := d.Doc
	if d.Effect == NotYet {
		text = strings.TrimSpace(text + " Instead: " + d.Instead + ".")
	}
	if d.Restricts && d.Effect == NotYet {
		text += " Closes the service."
	}
	return strings.ReplaceAll(text, "|", `\|`)
}

func (o serverOption) page() string {
	switch {
	case o.note != "":
		return "a problem: " + o.note
	case o.apply != nil:
		return "carried out"
	}
	return "done anyway, or of no consequence"
}
