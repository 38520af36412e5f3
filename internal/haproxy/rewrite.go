package haproxy

import (
	"strings"

	"marathon-lb/internal/route"
)

// rewrite is what changes in targets and responses.
func (w *writer) rewrite(k *route.BackendSpec) {
	r := k.Rewrite
	if r.Host != "" {
		w.line("http-request set-header Host %s", format(r.Host))
	}
	if r.Strip != "" {
		w.line(`http-request replace-path %s '/\1'`, word("(?i)^"+literal(r.Strip)+"/?(.*)$"))
	}
	if prefix := strings.TrimSuffix(r.Location, "/"); prefix != "" {
		w.line("http-response replace-header Location %s %s", word(location(r.Hosts, prefix)), format(strings.ReplaceAll(prefix, `\`, `\\`)+`/\1`))
	}
	if k.HSTS {
		w.line("http-response set-header Strict-Transport-Security max-age=15768000 unless { res.hdr(Strict-Transport-Security) -m found }")
	}
}

// location finds the path of a Location that leads to the service itself, unless the prefix is there already.
func location(hosts []string, prefix string) string {
	var names []string
	for _, h := range hosts {
		suffix, wild := strings.CutPrefix(h, "*")
		if wild {
			names = append(names, "[^/?#:]+"+literal(suffix))
		} else {
			names = append(names, literal(h))
		}
	}
	relative := "(?=/(?!/))"
	if len(names) > 0 {
		relative = "(?:(?i:https?:)?//(?i:" + strings.Join(names, "|") + `)\.?(?::[0-9]*)?(?=[/?#]|$)|` + relative + ")"
	}
	return "^" + relative + "(?!" + literal(prefix) + "(?:[/?#]|$))/?(.*)$"
}
