package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"marathon-lb/marathon"
	"marathon-lb/proxy"
)

// environ is the environment. A variable that is empty counts as not set, as in Marathon-LB's container.
type environ map[string]string

func environOf(pairs []string) environ {
	e := environ{}
	for _, pair := range pairs {
		if name, text, _ := strings.Cut(pair, "="); text != "" {
			e[name] = text
		}
	}
	return e
}

// get is the value of a variable. A name A:B stands for two variables whose values are joined by a colon; both must be set.
func (e environ) get(name string) string {
	var texts []string
	for one := range strings.SplitSeq(name, ":") {
		if e[one] == "" {
			return ""
		}
		texts = append(texts, e[one])
	}
	return strings.Join(texts, ":")
}

// certVariables are those of certificates: HAPROXY_SSL_CERT, then the same with a number from 0 to 100.
func certVariables() []string {
	all := []string{certVariable}
	for n := range 101 {
		all = append(all, certVariable+strconv.Itoa(n))
	}
	return all
}

const (
	certVariable = "HAPROXY_SSL_CERT"
	certField    = "Proxy.CertPEMs" // of several variables, so that no text of one is its value
	// templatesField is that of templates, which come as variables and as files.
	templatesField = "Marathon.Templates"
	certNumbers    = "{0..100}" // how a row says that all the numbers may follow
)

// escapes are those of bash's printf that a PEM text may have.
var escapes = strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\t`, "\t", `\\`, `\`)

// certPEMs are the certificates of the environment, each with the path to which Marathon-LB's container wrote it.
func (e environ) certPEMs() []proxy.CertPEM {
	var all []proxy.CertPEM
	for _, name := range certVariables() {
		if text := e[name]; text != "" {
			path := "/etc/ssl/cert" + strings.TrimPrefix(name, certVariable) + ".pem"
			all = append(all, proxy.CertPEM{Variable: name, Path: path, Text: escapes.Replace(text)})
		}
	}
	return all
}

// obey sets the fields that no flag has set.
func (c *Config) obey(env environ, flags *pflag.FlagSet) error {
	return obeyRows(c, slices.Concat(python, own, container), env, flags)
}

// obeyRows sets the fields of rows that no flag has set, in c, a pointer to Config or ZDD.
func obeyRows(c any, rows []row, env environ, flags *pflag.FlagSet) error {
	for _, r := range rows {
		if r.field == "" || r.field == certField || r.field == templatesField || r.long != "" && flags.Changed(r.long) {
			continue
		}
		for _, name := range r.variables() {
			text := env.get(name)
			if text == "" {
				continue
			}
			if r.reads != nil {
				text = r.reads(text)
			}
			if err := newValue(c, r).Set(text); err != nil {
				return fmt.Errorf("environment variable %s%s: %w", name, r.quote(text), err)
			}
			break
		}
	}
	return nil
}

// quote is a blank and the text, unless that is a secret.
func (r row) quote(text string) string {
	if r.secret {
		return ""
	}
	return fmt.Sprintf(" %q", text)
}

// notice takes note of an option that is not obeyed; one that would keep clients out is an error.
func (c *Config) notice(r row, option, text string) error {
	switch {
	case r.effect == template && marathon.ReadsTemplate(strings.TrimPrefix(option, "HAPROXY_")):
		return nil
	case r.effect == template:
		if err := keepsOut(option, text); err != nil {
			return err
		}
		reason := noTemplates
		if marathon.ReadsDefaults(strings.TrimPrefix(option, templatePrefix)) {
			reason = someTemplates
		}
		c.Notices = append(c.Notices, Notice{Option: option, Reason: reason, Lost: true})
		return nil
	case r.partly != nil && r.partly(text):
		c.Notices = append(c.Notices, Notice{Option: option, Reason: r.note, Lost: true})
		return nil
	case r.effect == obeyed, r.effect == asked, r.harmless != "" && text == r.harmless:
		return nil
	}
	c.Notices = append(c.Notices, Notice{Option: option, Reason: r.note, Lost: r.effect != idle})
	return nil
}

func (c *Config) noticeFlags(flags *pflag.FlagSet) error {
	for _, r := range python {
		if !flags.Changed(r.long) {
			continue
		}
		if err := c.notice(r, "--"+r.long, flags.Lookup(r.long).Value.String()); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) noticeVariables(env environ) error {
	rows := slices.Concat(python, own, container)
	for _, name := range slices.Sorted(maps.Keys(env)) {
		i := slices.IndexFunc(rows, func(r row) bool { return slices.ContainsFunc(r.variables(), fits(name)) })
		if i < 0 {
			continue
		}
		if err := c.notice(rows[i], name, env[name]); err != nil {
			return err
		}
	}
	return nil
}

// fits says whether the name in a row, which may end in "*" or {0..100}, is the variable's.
func fits(variable string) func(string) bool {
	return func(name string) bool {
		if strings.HasSuffix(name, certNumbers) {
			return slices.Contains(certVariables(), variable)
		}
		begin, wild := strings.CutSuffix(name, "*")
		return variable == name || wild && strings.HasPrefix(variable, begin)
	}
}
