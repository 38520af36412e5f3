package config

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"marathon-lb/marathon"
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

// harmless are templates that open nothing by their absence. They only matter to services whose label asks for AUTH or an
// allow-list, and those fail closed by themselves.
var harmless = regexp.MustCompile(`AUTH|USERLIST|ALLOW`)

// expected is what a frontend of :443 has anyway: TLS, certificates, and the inner socket of a vhost where they are grouped.
var expected = regexp.MustCompile(`\bssl\b|\bcrt\s+\S+|\bverify\s+none\b|\babns@\S+`)

// keepsOut is an error if a template for all services restricts access. To serve without the restriction would open what the
// operator meant to close.
func keepsOut(name, text string) error {
	if strings.HasPrefix(name, "HAPROXY_HTTPS_") {
		text = expected.ReplaceAllString(text, "*")
	}
	line := marathon.RestrictingLine(text)
	if line == "" || harmless.MatchString(name) {
		return nil
	}
	return fmt.Errorf("template %s restricts access (%q), and templates are not carried out yet: remove the template, "+
		"or keep those clients out in front of this load balancer", name, line)
}
