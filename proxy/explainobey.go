package proxy

import (
	"strings"

	"marathon-lb/internal/route"
)

// obey has the backend's directives asked where an exchange would ask them: not of who has yet to show a password.
func (r *inquiry) obey(w *route.Way, a *Action, o *Options, tr *route.Trace) {
	_, _, r.shown = basicAuth(r.field("Authorization"))
	if a.Backend == nil || a.Auth != nil && !r.shown || a.Failure != OK {
		return
	}
	before := r.Path + r.Query
	a.obey(&r.Request, w.Listener.Mode == route.HTTP, o.TrustedProxies, tr)
	w.Directives = a.Backend.Spec.Do.Stands(tr)
	if a.Failure != OK {
		r.ended = a.Backend.Spec.Do.Ended(tr).String()
	} else if after := r.Path + r.Query; after != before {
		w.Notes = append(w.Notes, "rules of templates make "+before+" "+after)
	}
}

// rule is what the rule of templates says that ended it.
func (r *inquiry) rule(a Action) string {
	text := "a rule of its templates: " + r.ended
	if a.Location != "" {
		text += ", to " + a.Location
	}
	if !r.Source.Addr().IsValid() && strings.Contains(r.ended, " src ") {
		text += "; no client's address was given (--from)"
	}
	return text
}
