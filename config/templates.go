package config

import (
	"fmt"
	"os"
	"path/filepath"
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

// keepsOut is an error if a template for all services restricts access. To serve without the restriction would open what the
// operator meant to close.
func keepsOut(name, text string) error {
	line := marathon.RestrictingLine(strings.TrimPrefix(name, "HAPROXY_"), text)
	if line == "" {
		return nil
	}
	words := strings.Fields(line) // what follows may be a password, as in "stats auth admin:..."
	return fmt.Errorf("template %s restricts access (%s ...), and templates are not carried out yet: remove the template, "+
		"or keep those clients out in front of this load balancer", name, strings.Join(words[:min(2, len(words))], " "))
}
