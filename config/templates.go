package config

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// noticeTemplates looks for the templates that the package option template-url puts into the sandbox.
func (c *Config) noticeTemplates(sandbox string) error {
	if sandbox == "" {
		return nil
	}
	files, err := filepath.Glob(filepath.Join(sandbox, "templates", "HAPROXY_*"))
	if err != nil || len(files) == 0 {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("template: %w", err)
		}
		if err := keepsOut(filepath.Base(file), string(text)); err != nil {
			return err
		}
	}
	c.Notices = append(c.Notices, Notice{Option: filepath.Join(sandbox, "templates"), Reason: noTemplates, Lost: true})
	return nil
}

var (
	// restriction finds HAProxy directives that keep clients out: by rule, by certificate, by an address to bind that is not all.
	restriction = regexp.MustCompile(
		`(?m)^[^#\n]*\b(deny|reject|tarpit|silent-drop|block|auth|http_auth|verify\s+required|bind\s+[1-9][\d.]*)\b`)
	// byLabel are templates that only matter to services whose label asks for AUTH or an allow-list: those fail closed by themselves.
	byLabel = regexp.MustCompile(`AUTH|USERLIST|ALLOW`)
)

// keepsOut is an error if a template for all services restricts access. To serve without the restriction would open what the
// operator meant to close.
func keepsOut(name, text string) error {
	found := restriction.FindStringSubmatch(strings.ReplaceAll(text, `\n`, "\n"))
	if found == nil || byLabel.MatchString(name) {
		return nil
	}
	return fmt.Errorf("template %s restricts access (%q), and templates are not carried out yet: remove the template, "+
		"or keep those clients out in front of this load balancer", name, found[1])
}
