package stats_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var shots = flag.String("screenshots", "", "folder for the screenshots of the page")

// measure is a page that loads the report in a frame as wide as WIDTH and writes down what does not fit.
const measure = `<!DOCTYPE html><body><iframe id=f src="/haproxy?stats" style="border:0;width:WIDTHpx;height:2000px"></iframe><pre id=out>not measured</pre>
<script>
f.onload = () => {
  const d = f.contentDocument, bad = [];
  if (d.documentElement.scrollWidth > WIDTH) bad.push("page is " + d.documentElement.scrollWidth + " wide");
  const cells = d.querySelectorAll(".tbl > * > tr > td, .tbl > * > tr > th");
  for (const c of cells) if (c.scrollWidth > c.clientWidth + 1) bad.push("overflows: " + c.textContent.slice(0, 60));
  const boxes = [...d.querySelectorAll("h1, h2, h3, .info, .state, .px, .tbl")].map(e => [e, e.getBoundingClientRect()]);
  for (let i = 1; i < boxes.length; i++)
    if (boxes[i][1].top < boxes[i-1][1].bottom - 1) bad.push(boxes[i][0].className + " overlaps the box before it");
  out.textContent = "cells: " + cells.length + "\n" + bad.join("\n") + "\nend";
};
</script>`

func TestPageFitsInChromium(t *testing.T) {
	browser := chromium(t)
	now := time.Now()
	table := every(now.Add(-170 * time.Second))
	traffic(table, now)
	site, _ := url.Parse("http://" + serve(t, source(table, now)))
	for _, width := range []int{1600, 1200} {
		mux := http.NewServeMux()
		mux.Handle("/", httputil.NewSingleHostReverseProxy(site))
		mux.HandleFunc("/measure", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, strings.ReplaceAll(measure, "WIDTH", fmt.Sprint(width)))
		})
		harness := httptest.NewServer(mux)
		dom := browser(t, fmt.Sprintf("--window-size=%d,2100", width+50), "--virtual-time-budget=5000", "--dump-dom", harness.URL+"/measure")
		harness.Close()
		found := regexp.MustCompile(`(?s)<pre id="out">cells: (\d+)\n(.*)\nend</pre>`).FindStringSubmatch(dom)
		if found == nil || found[1] == "0" {
			t.Fatalf("%d: nothing was measured:\n%.2000s", width, dom)
		}
		if found[2] != "" {
			t.Errorf("at %d pixels:\n%s", width, found[2])
		}
	}
	for _, scheme := range []string{"light", "dark"} {
		folder := *shots
		if folder == "" {
			folder = t.TempDir()
		}
		file := filepath.Join(folder, "page-"+scheme+".png")
		args := []string{"--window-size=1600,1500", "--screenshot=" + file}
		if scheme == "dark" {
			args = append(args, "--force-dark-mode", "--blink-settings=preferredColorScheme=0")
		}
		browser(t, append(args, site.String()+"/haproxy?stats")...)
		if info, err := os.Stat(file); err != nil || info.Size() < 10_000 {
			t.Errorf("no screenshot: %v, %v", info, err)
		}
	}
}

// chromium returns a function that runs the browser and gives its standard output. Without one the test is skipped, except where
// the environment says CI: there it must be installed.
func chromium(t *testing.T) func(t *testing.T, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("Chromium is not installed: ", err)
		}
		t.Skip("SKIPPED, the page was not rendered: install chromium to run this test: ", err)
	}
	return func(t *testing.T, args ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		args = append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
			"--disable-component-update", "--disable-sync", "--hide-scrollbars", "--user-data-dir=" + t.TempDir()}, args...)
		cmd := exec.CommandContext(ctx, path, args...)
		var complaints strings.Builder
		cmd.Stderr = &complaints
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("chromium: %v\n%s", err, complaints.String())
		}
		return string(out)
	}
}
