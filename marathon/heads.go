package marathon

import (
	"slices"
	"strings"

	"marathon-lb/internal/route"
)

// Templates of the frontends that all services share are not carried out, but for what their bind lines ask for.

// head is a template of a shared frontend.
type head struct {
	listener string
	grouped  bool // it was used where vhosts were grouped; :443's others where they were not
	own      bool // it binds the port itself: a vhost's, where they are grouped, binds a socket inside HAProxy
	tls      bool // on it, TLS ends
}

var heads = map[string]head{
	"HTTP_FRONTEND_HEAD":                {listener: route.HTTPIn, own: true},
	"HTTP_FRONTEND_APPID_HEAD":          {listener: route.AppIDIn, own: true},
	"HTTPS_FRONTEND_HEAD":               {listener: route.HTTPSIn, own: true, tls: true},
	"HTTPS_GROUPED_FRONTEND_HEAD":       {listener: route.HTTPSIn, grouped: true, own: true},
	"HTTPS_GROUPED_VHOST_FRONTEND_HEAD": {listener: route.HTTPSIn, grouped: true, tls: true},
}

// ReadHead reads what the bind lines of a template, by its name without HAPROXY_, ask for at a listener of the load balancer itself. rest
// is the text without what is carried out. Words that only some of several lines have are not.
func ReadHead(name, text string, grouped bool) (asked route.BindOptions, rest string) {
	h, known := heads[name]
	if !known || h.listener == route.HTTPSIn && h.grouped != grouped {
		return asked, text
	}
	var kept []string
	found := false
	for line := range strings.Lines(strings.ReplaceAll(text, `\n`, "\n")) {
		words := strings.Fields(unquoted.Replace(line))
		if len(words) > 1 && words[0] == "bind" {
			o, others := h.readBind(name, words[2:])
			if found && o != asked {
				return route.BindOptions{}, text
			}
			found, asked = true, o
			line = strings.Join(slices.Concat(words[:2], others), " ") + "\n"
		}
		kept = append(kept, line)
	}
	return asked, strings.Join(kept, "")
}

// bindOptions are what templates ask for at a listener.
func (o Options) bindOptions(listener string) (all route.BindOptions) {
	for name, asked := range o.Heads {
		if heads[name].listener == listener {
			all = all.With(asked)
		}
	}
	return all
}

// readBind reads the words behind an address, and returns those that are not carried out: verify goes with ca-file alone.
func (h head) readBind(name string, words []string) (o route.BindOptions, others []string) {
	others = slices.Clone(words)
	if i := slices.Index(others, "accept-proxy"); i >= 0 && h.own {
		o.AcceptProxy, others = true, slices.Delete(others, i, i+1)
	}
	verify, rest := cutArgument(others, "verify")
	ca, rest := cutArgument(rest, "ca-file")
	if v := route.Verify(verify); h.tls && ca != "" && (v == route.VerifyRequired || v == route.VerifyOptional) {
		o.Verify, o.CA, o.CALabel, others = v, ca, prefix+name, rest
	}
	alpn, rest := cutArgument(others, "alpn")
	if kept, strange := spoken(alpn); h.tls && alpn != "" && strange == "" {
		o.ALPN, others = kept, rest
	}
	return o, others
}

// cutArgument takes a word and its argument out.
func cutArgument(words []string, word string) (argument string, rest []string) {
	i := slices.Index(words, word)
	if i < 0 || i+1 == len(words) {
		return "", words
	}
	return words[i+1], slices.Concat(words[:i], words[i+2:])
}
