package arch_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var link = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`) // with a colon it leads out of the repository

func TestLinksBetweenPagesLeadSomewhere(t *testing.T) {
	pages, links := 0, 0
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != root && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(name) != ".md":
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		pages++
		for _, found := range link.FindAllStringSubmatch(string(text), -1) {
			links++
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), found[1])); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		return nil
	})
	if err != nil || pages < 5 || links < 5 {
		t.Errorf("%d pages with %d links, %v", pages, links, err)
	}
}

func TestEachDependencyHasItsReasons(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs/dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	wanted := map[string]bool{}
	for _, found := range regexp.MustCompile(`(?m)^(?:require )?\s*([a-z0-9.]+\.[a-z]+/\S+) v\S+$`).FindAllSubmatch(mod, -1) {
		wanted[string(found[1])] = true
	}
	for _, found := range regexp.MustCompile("(?m)^\\| `([^`]+)`").FindAllSubmatch(page, -1) {
		module := string(found[1])
		if !wanted[module] {
			t.Errorf("docs/dependencies.md has a row for %s, which go.mod does not require directly", module)
		}
		delete(wanted, module)
	}
	for module := range wanted {
		t.Errorf("go.mod requires %s, which has no row in docs/dependencies.md", module)
	}
}
