package config

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"marathon-lb/internal/route"
	"marathon-lb/marathon"
)

const templatePrefix = "HAPROXY_"

// readTemplates gathers the templates: files of templates/ in the working directory, those that the package option template-url puts into
// the sandbox, then variables.
func (c *Config) readTemplates(env environ) error {
	all := map[string]string{}
	folders := []string{"templates"}
	if sandbox := env["MESOS_SANDBOX"]; sandbox != "" {
		folders = append(folders, filepath.Join(sandbox, "templates"))
	}
	for _, folder := range folders {
		if err := readFolder(all, folder); err != nil {
			return err
		}
	}
	for name, text := range env {
		if short, ok := strings.CutPrefix(name, templatePrefix); ok && (marathon.ReadsTemplate(short) || marathon.ReadsDefaults(short)) {
			all[short] = strings.ReplaceAll(text, `\n`, "\n")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if marathon.ReadsTemplate(name) || marathon.ReadsDefaults(name) && env.get(templatePrefix+name) != "" { // which is told with the variables
			continue
		}
		if err := c.loseTemplate(name, all[name], filepath.Join("templates", templatePrefix+name)); err != nil {
			return err
		}
		if marathon.ReadsDefaults(name) {
			continue
		}
		delete(all, name)
	}
	c.readDefaultErrors(all)
	if len(all) > 0 {
		c.Marathon.Templates = all
	}
	return nil
}

// readDefaultErrors finds the answers that HEAD puts in the place of ours.
func (c *Config) readDefaultErrors(templates map[string]string) {
	files, err := marathon.DefaultErrors(templates)
	if err != nil {
		c.Notices = append(c.Notices, Notice{Option: templatePrefix + "HEAD", Reason: err.Error(), Lost: true})
	}
	c.Proxy.ErrorFiles = files
}

func readFolder(into map[string]string, folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, templatePrefix+"*"))
	if err != nil {
		return fmt.Errorf("templates: %w", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("template: %w", err)
		}
		into[strings.TrimPrefix(filepath.Base(file), templatePrefix)] = string(text)
	}
	return nil
}

// loseTemplate takes note of a template that is not carried out, but for what its bind lines ask for.
func (c *Config) loseTemplate(name, text, option string) error {
	asked, rest := marathon.ReadHead(name, text, c.Marathon.GroupHTTPSByVHost)
	if err := keepsOut(templatePrefix+name, rest); err != nil {
		return err
	}
	reason := noTemplates
	if marathon.ReadsDefaults(name) {
		reason = someTemplates
	}
	delete(c.Marathon.Heads, name) // of a file, where a variable has its name
	if asked != (route.BindOptions{}) {
		if c.Marathon.Heads == nil {
			c.Marathon.Heads = map[string]route.BindOptions{}
		}
		c.Marathon.Heads[name] = asked
		reason = "of the template, only this is carried out:" + asked.String()
	}
	c.Notices = append(c.Notices, Notice{Option: option, Reason: reason, Lost: true})
	return nil
}

// keepsOut is an error if a template for all services that is not carried out restricts access. To serve without the restriction would
// open what the operator meant to close.
func keepsOut(name, text string) error {
	line := marathon.RestrictingLine(strings.TrimPrefix(name, templatePrefix), text)
	if line == "" {
		return nil
	}
	words := strings.Fields(line) // what follows may be a password, as in "stats auth admin:..."
	return fmt.Errorf("template %s restricts access (%s ...), and it is not carried out: remove the template, "+
		"or keep those clients out in front of this load balancer", name, strings.Join(words[:min(2, len(words))], " "))
}
