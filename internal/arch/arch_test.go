package arch_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "marathon-lb/"
)

// topFolders is the sentence that ls at the top is, and what holds it together.
var topFolders = []string{"cmd", "config", "marathon", "proxy", "stats", "internal", "docs", "deploy", "bench", "bin"}

// arrows say which packages of ours a package may import. cmd may import all, and none imports cmd.
var arrows = map[string][]string{
	"bench":                  {"bench/internal/backend", "bench/internal/figures", "bench/internal/load", "bench/internal/plot", "bench/internal/sys"},
	"bench/internal/backend": {"bench/internal/sys"},
	"bench/internal/figures": {},
	"bench/internal/load":    {"bench/internal/sys"},
	"bench/internal/plot":    {},
	"bench/internal/sys":     {},
	"config":                 {"marathon", "proxy", "stats", "internal/route", "marathon/zdd"},
	"marathon":               {"internal/route", "internal/hacfg"},
	"marathon/marathontest":  {},
	"proxy":                  {"internal/route", "internal/h1", "internal/proxyheader"},
	"stats":                  {"internal/route"},
	"internal/route":         {"internal/meter", "internal/hacfg"},
	"internal/arch":          {},
	"internal/differential":  {"internal/haproxy", "internal/route", "marathon", "proxy"},
	"internal/h1":            {},
	"internal/hacfg":         {},
	"internal/haproxy":       {"internal/route"},
	"internal/meter":         {},
	"internal/proxyheader":   {},
	"internal/testkit":       {},
	"internal/upgrade":       {},
	"marathon/zdd":           {"marathon"},
}

// forTests may be imported by tests of any package beside its arrows: they know none of them.
var forTests = []string{"marathon/marathontest", testkit}

// testkit may not be imported by anything else. The simulated Marathon may: it is in the demo.
const testkit = "internal/testkit"

// homes say where a third-party module may be imported: nil is anywhere, "test" is in tests of any package.
var homes = map[string][]string{
	"github.com/agnivade/levenshtein":     {"config", "marathon"},
	"github.com/coder/websocket":          {"test"},
	"github.com/go-crypt/crypt":           {"internal/route"},
	"github.com/gorilla/mux":              {"stats"},
	"github.com/klauspost/compress":       {"proxy"},
	"github.com/prometheus/client_golang": {"stats"},
	"github.com/prometheus/client_model":  {"stats"},
	"github.com/prometheus/common":        {"stats"},
	"github.com/r3labs/sse/v2":            {"marathon"},
	"github.com/spf13/pflag":              {"config"},
	"go.uber.org/goleak":                  {"test"},
	"go.uber.org/zap":                     nil,
	"golang.org/x/sync":                   nil,
	"gopkg.in/cenkalti/backoff.v1":        {"marathon"},
	"pgregory.net/rapid":                  {"test"},
}

// source is one Go file.
type source struct {
	dir, name string
	imports   []string
	text      string
}

func (s source) String() string { return path.Join(s.dir, s.name) }
func (s source) test() bool     { return strings.HasSuffix(s.name, "_test.go") }

// sources are all Go files of the repository, whatever system they are for.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || name != root && strings.HasPrefix(d.Name(), ".")):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		relative = filepath.ToSlash(relative)
		s := source{dir: path.Dir(relative), name: path.Base(relative), text: string(text)}
		for _, i := range file.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			s.imports = append(s.imports, name)
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("only %d Go files found: is %s still the top?", len(all), root)
	}
	return all
}

func TestPackagesImportOnlyAlongTheArrows(t *testing.T) {
	for _, s := range sources(t) {
		allowed, known := arrows[s.dir]
		if !s.test() && slices.Contains(s.imports, module+testkit) {
			t.Errorf("%s imports %s, which is for tests", s, testkit)
		}
		if strings.HasPrefix(s.dir, "cmd/") {
			continue
		}
		if !known {
			t.Errorf("%s: the package has no row in arrows", s)
			continue
		}
		for _, name := range s.imports {
			our, ok := strings.CutPrefix(name, module)
			if !ok || slices.Contains(allowed, our) || s.test() && (our == s.dir || slices.Contains(forTests, our)) {
				continue
			}
			t.Errorf("%s imports %s: no arrow leads from %s there", s, our, s.dir)
		}
	}
}

func TestEachThirdPartyModuleStaysHome(t *testing.T) {
	for _, s := range sources(t) {
		for _, name := range s.imports {
			if host, _, _ := strings.Cut(name, "/"); !strings.Contains(host, ".") {
				continue // the standard library, or ours
			}
			home, known := homeOf(name)
			switch {
			case !known:
				t.Errorf("%s imports %s, which has no row in homes and, perhaps, none in docs/dependencies.md", s, name)
			case home != nil && !slices.Contains(home, s.dir) && !(s.test() && slices.Contains(home, "test")):
				t.Errorf("%s imports %s, whose home is %s", s, name, strings.Join(home, " and "))
			}
		}
	}
}

func homeOf(name string) (home []string, known bool) {
	for module, home := range homes {
		if name == module || strings.HasPrefix(name, module+"/") {
			return home, true
		}
	}
	return nil, false
}

// What must be the same in every engine decides without sockets, so that each engine and each test can drive it.
func TestWhatDecidesKnowsNoSockets(t *testing.T) {
	pure := func(s source) bool {
		name, _, _ := strings.Cut(strings.TrimSuffix(s.name, ".go"), "_")
		return s.dir == "internal/route" || s.dir == "internal/h1" || s.dir == "internal/proxyheader" ||
			s.dir == "proxy" && slices.Contains([]string{"decide", "obey", "attempt", "headers", "failure"}, name)
	}
	seen := map[string]bool{}
	for _, s := range sources(t) {
		if s.test() || !pure(s) {
			continue
		}
		seen[s.String()] = true
		for _, name := range s.imports {
			if name == "net" || strings.HasPrefix(name, "net/http") || name == "golang.org/x/net" || name == "syscall" {
				t.Errorf("%s imports %s", s, name)
			}
		}
	}
	for _, name := range []string{"proxy/decide.go", "proxy/attempt.go", "proxy/headers.go", "proxy/failure.go", "internal/route/match.go", "internal/h1/head.go"} {
		if !seen[name] {
			t.Errorf("%s is gone: does this test still look at what decides?", name)
		}
	}
}

func TestNoLoggerIsGlobal(t *testing.T) {
	for _, s := range sources(t) {
		for _, call := range []string{"zap.L()", "zap.S()", "zap.ReplaceGlobals", "log.Print", "log.Fatal"} {
			if strings.Contains(s.text, call) && s.dir != "internal/arch" {
				t.Errorf("%s calls %s: a logger is a field", s, call)
			}
		}
	}
}

func TestTopFoldersMakeTheSentence(t *testing.T) {
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && !slices.Contains(topFolders, e.Name()) {
			t.Errorf("%s/ is not one of the folders at the top: %s", e.Name(), strings.Join(topFolders, " "))
		}
	}
}
