package marathon

import (
	"strconv"
	"strings"

	"marathon-lb/internal/route"
)

// Templates of the frontends that services share: :80 and :443. What leads to the service by them takes the place of the rules of its
// labels on that port; other lines concern requests of the service only.

// frontend is what templates say of one of the two.
type frontend struct {
	port    int
	touched bool
	leads   []*route.Condition // of use_backend lines
	lines   bool               // there was one, if only one that cannot be carried out
}

// sharedFrontend is the one that a template is a part of, nil if it is of none.
func (r *reader) sharedFrontend(name string) *frontend {
	switch {
	case strings.HasPrefix(name, "HTTPS_FRONTEND_"):
		return &r.fronts[1]
	case strings.HasPrefix(name, "HTTP_FRONTEND_") && !strings.HasPrefix(name, "HTTP_FRONTEND_APPID"):
		return &r.fronts[0]
	}
	return nil
}

// leadHere is a use_backend line of a shared frontend.
func (r *reader) leadHere(f *frontend) error {
	f.lines = true
	on := r.on
	r.on = nil
	c, err := r.requestCondition()
	if r.on = on; err == nil {
		f.leads = append(f.leads, c)
	}
	return err
}

// settleFronts makes rules of what the templates say.
func (r *reader) settleFronts() {
	s := r.s
	if !r.fronts[0].touched && !r.fronts[1].touched {
		return
	}
	plain := s.rules()
	s.ownRules = []route.Rule{}
	for i := range r.fronts {
		f := &r.fronts[i]
		on, err := route.OnPort(f.port)
		if err != nil {
			continue
		}
		rules := plain
		if f.touched {
			rules = r.rulesOf(f)
		}
		for _, rule := range rules {
			if c, ok := rule.If.And(on); ok {
				rule.If = c
				s.ownRules = append(s.ownRules, rule)
			}
		}
	}
}

func (r *reader) rulesOf(f *frontend) (rules []route.Rule) {
	s := r.s
	weight := s.weight
	if s.paths != nil && weight == 0 {
		weight = 1
	}
	if !f.lines { // the built-in line
		r.section = "dst_port " + strconv.Itoa(f.port) + " "
		h, _ := s.placeholder("cleanedUpHostname", nil)
		names := []string{"host_" + h}
		if s.paths != nil {
			names = append(names, "path_"+backendName(s.app.ID, s.port))
		}
		c, err := r.named(names)
		if err != nil {
			r.complain(err.Error(), "correct the acl")
			return nil
		}
		f.leads = append(f.leads, c)
	}
	for _, c := range f.leads {
		more, ok := route.RulesIf(c, weight)
		if !ok {
			r.complain("the condition has too many alternatives, and leads nowhere", "make it simpler")
			continue
		}
		rules = append(rules, more...)
	}
	return rules
}

// frontTemplate says whether a template of a shared frontend is the one that Marathon-LB used for the service.
func frontTemplate(name string) func(*service) string {
	auth, path := strings.Contains(name, "AUTH"), strings.Contains(name, "PATH")
	only := strings.Contains(name, "_ONLY") && strings.HasPrefix(name, "HTTP_")
	return func(s *service) string {
		several := len(s.hosts) > 1 || s.toHTTPS || s.toldHTTPS
		switch {
		case s.mode != route.HTTP:
			return "the service is in mode tcp"
		case len(s.hosts) == 0:
			return "the service has no " + portLabel(s.index, "VHOST")
		case path && s.paths == nil:
			return "the service has no " + portLabel(s.index, "PATH")
		case !path && s.paths != nil && !strings.HasSuffix(name, "ACL_ONLY"):
			return "the service has a " + portLabel(s.index, "PATH") + ", for which there is another template"
		case auth && s.auth == nil:
			return "the service has no " + portLabel(s.index, "AUTH")
		case !auth && s.auth != nil && !strings.Contains(name, "_ONLY"):
			return "the service has an " + portLabel(s.index, "AUTH") + ", for which there is another template"
		case only && !several:
			return "the service has one host, for which there is another template"
		case !only && several && strings.HasPrefix(name, "HTTP_"):
			return "the service has several hosts, or redirects to https, for which there is another template"
		}
		return ""
	}
}
