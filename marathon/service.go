package marathon

import (
	"cmp"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"marathon-lb/internal/route"
)

// service is one port of an app, as its labels want it.
type service struct {
	app         *App
	unit        string
	index       int
	port        int      // effective service port, 0 for none
	groups      []string // nil if no label names any
	enabled     bool
	vhosted     bool     // there is a VHOST, be it good or bad
	hosts       []string // good ones of it
	paths       []string // nil without PATH
	noCase      bool
	weight      int
	mode        route.Mode // empty: to be inferred
	balance     route.Balance
	sticky      bool
	bind        netip.Addr // invalid for every address
	closedBy    string     // label that restricts access and cannot be honoured
	auth        *route.Auth
	allow       []netip.Prefix
	toHTTPS     bool
	hsts        bool
	logAll      bool
	tls         bool // the service port speaks TLS
	bindOptions route.BindOptions
	verifyBy    setting // what asks for certificates of clients
	alpnBy      setting // what names protocols
	certs       []string
	certsBy     []string // the labels that name them
	rewrite     route.Rewrite
	hashOn      string // what balance hashes
	checkAt     int    // port index whose check counts, with checked
	checked     bool   // a label says which
	templates   []setting
	do          *route.Directives // what they ask for
	server      serverWords       // what they say of each server
	checkOf     *route.Check      // how servers are probed
	cookie      string            // name of that of stickiness
	options     *Options
	ownRules    []route.Rule // of templates, in the place of those of labels; nil without
	health      *HealthCheck // that counts
	toldHTTPS   bool         // a template took the place of the redirect to https
	canary      route.Canary
	hold        time.Duration
	slowStart   time.Duration
	bindBad     bool // the address to bind to cannot be read: the port stays closed

	problems []route.Problem
}

// obey applies settings in their order.
func (s *service) obey(list []setting) {
	for _, set := range list {
		switch {
		case set.row.apply != nil:
			set.row.apply(s, set)
		case set.row.Effect == DeployTool, set.row.Effect == CarriedOut:
		case set.row.restricts != nil && set.row.restricts(set.value):
			s.closedBy = set.name
			s.complain(set, "understood but not carried out yet; it restricts access, so the service is closed ("+set.row.Instead+")",
				"remove it only if the service may be open to all")
		case set.row.Effect == NoEffect:
			s.complain(set, "it has no effect; "+set.row.Instead, "remove it")
		default:
			s.complain(set, "understood but not carried out yet; "+set.row.Instead, "nothing, or remove it")
		}
	}
}

func (s *service) complain(set setting, reason, remedy string) {
	app := cmp.Or(s.app.own, s.app.ID)
	if set.forAll {
		app = ""
	}
	s.problems = append(s.problems, route.Problem{App: app, Label: set.name, Value: shown(set.name, set.value), Reason: reason, Remedy: remedy})
}

// complainOf is a problem with a label of this port that is to be seen only beside others.
func (s *service) complainOf(label, reason, remedy string) {
	name := portLabel(s.index, label)
	s.complain(setting{name: name, value: s.app.Labels[name]}, reason, remedy)
}

func (s *service) setGroup(set setting) { s.groups = list(set.value) }

// doubtGroups tells of groups that are not separated by commas, if one of them is the load balancer's.
func (s *service) doubtGroups(set setting) {
	const others = " \t\r\n;|"
	for _, g := range s.groups {
		if strings.ContainsAny(g, others) && meets(s.options.Groups, strings.FieldsFunc(g, func(c rune) bool { return strings.ContainsRune(others, c) })) {
			s.complain(set, fmt.Sprintf("%q is the name of one group, for commas separate groups", g), "write names of groups separated by commas")
		}
	}
}

func (s *service) setEnabled(set setting) { s.enabled = s.truth(set) }

func (s *service) setSticky(set setting) { s.sticky = s.truth(set) }

// truth reads a boolean. What is neither is false.
func (s *service) truth(set setting) bool {
	switch strings.ToLower(strings.TrimSpace(set.value)) {
	case "true", "t", "yes", "y", "1", "on":
		return true
	case "false", "f", "no", "n", "0", "off":
		return false
	}
	s.complain(set, "neither true nor false; it counts as false", "write true or false")
	return false
}

func (s *service) setVHost(set setting) {
	for _, text := range list(set.value) {
		s.vhosted = true
		host := route.NormalHost(text)
		if reason := cmp.Or(badHost(text), badHost(host)); reason != "" {
			s.complain(set, fmt.Sprintf("%q %s; it leads nowhere", text, reason), "write host names such as www.example.com, separated by commas")
			continue
		}
		s.hosts = appendNew(s.hosts, host)
	}
}

// badHost says why a host name can never be that of a request, empty if it can.
func badHost(host string) string {
	suffix, wild := strings.CutPrefix(host, "*")
	if wild && (suffix == "" || len(suffix) > 1 && suffix[0] == '.' && !strings.Contains(suffix, "*")) {
		host = suffix
	}
	for _, c := range host {
		switch {
		case c == '*':
			return "has a * where only a whole first label may be one"
		case c >= 0x80:
			return "is not ASCII (browsers send its xn-- form)"
		case c <= ' ' || c == 0x7f || strings.ContainsRune("/\\?#@;|$(){}<>\"^`", c):
			return "is not a host name"
		}
	}
	if host == "" && !wild {
		return "is not a host name"
	}
	return ""
}

func (s *service) setPath(set setting) {
	words := strings.Fields(set.value)
	if len(words) == 0 {
		return
	}
	for len(words) > 0 && words[0] == "-i" {
		s.noCase, words = true, words[1:]
	}
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	} else if len(words) > 0 && words[0][0] == '-' {
		s.complain(set, words[0]+" is no flag that is carried out, so no request matches", "write paths, and -i or nothing before them")
		words = nil
	}
	s.paths = []string{}
	for _, path := range words {
		switch {
		case path == "-i":
			s.complain(set, "-i stands behind a path, so it counts as one that no request matches", "write -i before all paths")
		case path[0] != '/':
			s.complain(set, fmt.Sprintf("%q has no leading slash, so no request matches it", path), "write /"+strings.TrimLeft(path, `^~="'/`))
		default:
			s.paths = appendNew(s.paths, path)
			s.doubtPath(set, path)
		}
	}
}

// doubtPath tells of a path that stands as it is, but will hardly mean what it looks like.
func (s *service) doubtPath(set setting, path string) {
	switch {
	case strings.ContainsAny(path, "?#"):
		s.complain(set, fmt.Sprintf("%q has a query or a fragment, which are not compared, so no request matches it", path), "write the path alone")
	case strings.Contains(path, ",/"):
		s.complain(set, fmt.Sprintf("%q is one path, for blanks separate paths", path), "write "+strings.ReplaceAll(path, ",/", " /"))
	case strings.HasSuffix(path, "*"):
		s.complain(set, fmt.Sprintf("the * of %q stands for itself", path), "write "+strings.TrimRight(path, "*")+", for a path is the beginning of those it matches")
	}
}

func (s *service) setWeight(set setting) {
	n, err := strconv.Atoi(strings.TrimSpace(set.value))
	if err != nil {
		s.complain(set, "not a whole number; the default counts", "write a whole number such as 10")
		return
	}
	s.weight = n
}

func (s *service) setMode(set setting) {
	switch mode := route.Mode(strings.ToLower(strings.TrimSpace(set.value))); mode {
	case route.HTTP, route.TCP:
		s.mode = mode
	default:
		s.complain(set, "no mode; the mode is inferred from vhost and health check", "write http or tcp")
	}
}

func (s *service) setPort(set setting) {
	n, err := strconv.Atoi(strings.TrimSpace(set.value))
	if err != nil || n < 1 || n > 65535 {
		s.complain(set, "not a port; the service port Marathon gave is used", "write a number from 1 to 65535")
		return
	}
	s.port = n
}

func (s *service) setBindAddr(set setting) {
	text := strings.TrimSpace(set.value)
	if text == "*" || text == "" {
		s.bind = netip.Addr{}
		return
	}
	addr, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		s.bindBad = true
		s.complain(set, "not an IP address; the service port is not opened", "write an address of this host, or * for all")
		return
	}
	s.bind = addr.Unmap()
}

// list splits at commas, without the blanks around elements and without empty ones.
func list(text string) []string {
	var found []string
	for element := range strings.SplitSeq(text, ",") {
		if element = strings.TrimSpace(element); element != "" {
			found = append(found, element)
		}
	}
	return found
}

func appendNew(to []string, text string) []string {
	for _, have := range to {
		if have == text {
			return to
		}
	}
	return append(to, text)
}
