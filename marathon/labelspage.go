package marathon

import (
	"fmt"
	"strings"
)

//go:generate go test -run TestLabelsPageIsCurrent . -update

// LabelsPage is the table of labels in Markdown: docs/labels.md.
func LabelsPage() string {
	var b strings.Builder
	b.WriteString(`# Labels

Labels are set on the app in Marathon; values are text. ` + "`{n}`" + ` is the index of a port of the app, from 0. A label that means nothing
here, has no port to belong to, or whose value cannot be used is a *problem*: the page, ` + "`/v1/problems`" + ` and the log name the app,
the label, the value, the reason and what to write instead. It affects nothing but what it governs. What restricts access and
cannot be honoured closes the service: its HTTP entries answer 503, its tcp port is not opened.

Where labels act differently from Marathon-LB's is in [differences](differences.md).
`)
	section := func(title, text string, belongs func(Label) bool) {
		fmt.Fprintf(&b, "\n## %s\n\n", title)
		if text != "" {
			b.WriteString(text + "\n\n")
		}
		b.WriteString("| label | default | what it does |\n| --- | --- | --- |\n")
		for _, l := range Labels() {
			if belongs(l) {
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", l.Pattern(), l.Default, l.page())
			}
		}
	}
	section("Of the app", "", func(l Label) bool { return l.Scope == PerApp })
	section("Of a port", "", func(l Label) bool { return l.Scope == PerPort && !l.Template && !l.Own })
	section("Of a port, not in Marathon-LB", "", func(l Label) bool { return l.Own })
	section("Templates of a port", "Text in HAProxy's language that takes the place of a built-in text. [Directives](directives.md) says which lines are "+
		"carried out. One that is not is a problem, and closes the service if it restricts access.", func(l Label) bool { return l.Scope == PerPort && l.Template })
	section("Templates of the load balancer", "No label could ever set these.", func(l Label) bool { return l.Scope == Global })
	return b.String()
}

func (l Label) page() string {
	text := strings.ReplaceAll(l.Doc, "|", `\|`)
	switch {
	case l.Effect == DeployTool:
		return text + " Read by zdd; nothing for a load balancer to do."
	case l.Effect == NoEffect && !l.Template:
		return text + " Without effect: " + l.Instead + "."
	case l.Effect == NotYet:
		return text + " Not carried out yet: " + l.Instead + "."
	}
	return text
}
