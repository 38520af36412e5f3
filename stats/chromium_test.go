package stats_test

import (
	"context"
	"flag"
	"io"
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

	"marathon-lb/internal/testkit"
	"marathon-lb/stats"
)

var shots = flag.String("screenshots", "", "folder for the screenshots of the page")

// measure is a page that loads the report into frames of several widths and writes down what does not fit.
const measure = `<!DOCTYPE html><body><pre id="out"></pre><script>
const widths = [1600, 1200];
let left = widths.length, cells = 0, bad = [];
function look(width, d) {
  const say = text => bad.push("at " + width + " pixels: " + text);
  if (d.documentElement.scrollWidth > width) say("the page is " + d.documentElement.scrollWidth + " wide");
  for (const c of d.querySelectorAll(".tbl > * > tr > td, .tbl > * > tr > th")) {
    cells++;
    if (c.scrollWidth > c.clientWidth + 1) say("overflows: " + c.textContent.slice(0, 60));
  }
  const boxes = [...d.querySelectorAll("h1, h2, h3, .info, .state, .px, .tbl")].map(e => [e, e.getBoundingClientRect()]);
  for (let i = 1; i < boxes.length; i++)
    if (boxes[i][1].top < boxes[i-1][1].bottom - 1) say(boxes[i][0].className + " overlaps the box before it");
  if (--left == 0) out.textContent = "cells: " + cells + "\n" + bad.join("\n") + "\nend";
}
for (const width of widths) {
  const f = document.createElement("iframe");
  f.style = "border:0; height:2000px; width:" + width + "px";
  f.onload = () => look(width, f.contentDocument);
  f.src = "/haproxy?stats";
  document.body.append(f);
}
</script>`

func TestPageFitsInChromium(t *testing.T) { fits(t, good(t)) }

func TestATroubleWithoutBlanksDoesNotWidenThePage(t *testing.T) {
	now := time.Now()
	src := source(every(now), now)
	src.Marathons = func() []stats.Marathon {
		return []stats.Marathon{{Endpoint: "http://m1:8080", Trouble: strings.Repeat("&event_type=x", 100)}}
	}
	fits(t, serve(t, src))
}

// fits says what of the page at an address does not fit into a window.
func fits(t *testing.T, addr string) {
	t.Helper()
	browser := chromium(t)
	site, _ := url.Parse("http://" + addr)
	mux := http.NewServeMux()
	mux.Handle("/", httputil.NewSingleHostReverseProxy(site))
	mux.HandleFunc("/measure", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, measure) })
	harness := httptest.NewServer(mux)
	defer harness.Close()

	drawn := filepath.Join(t.TempDir(), "page.png")
	dom := browser(t, "--window-size=1700,4100", "--virtual-time-budget=5000", "--dump-dom", "--screenshot="+drawn, harness.URL+"/measure")
	found := regexp.MustCompile(`(?s)<pre id="out">cells: (\d+)\n(.*)\nend</pre>`).FindStringSubmatch(dom)
	if found == nil || found[1] == "0" {
		t.Fatalf("nothing was measured:\n%.2000s", dom)
	}
	if found[2] != "" {
		t.Error(found[2])
	}
	if info, err := os.Stat(drawn); err != nil || info.Size() < 10_000 {
		t.Errorf("nothing was drawn: %v, %v", info, err)
	}
}

// With -screenshots=FOLDER: what to look at after a change of the page.
func TestScreenshots(t *testing.T) {
	if *shots == "" {
		t.Skip("no -screenshots")
	}
	browser, page := chromium(t), "http://"+good(t)+"/haproxy?stats"
	for scheme, args := range map[string][]string{"light": nil, "dark": {"--force-dark-mode", "--blink-settings=preferredColorScheme=0"}} {
		browser(t, append(args, "--window-size=1600,1300", "--screenshot="+filepath.Join(*shots, "page-"+scheme+".png"), page)...)
	}
}

// chromium returns a function that runs the browser and gives its standard output.
func chromium(t *testing.T) func(t *testing.T, args ...string) string {
	t.Helper()
	path := testkit.Program(t, "chromium", "the page was not rendered")
	return func(t *testing.T, args ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		args = append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
			"--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
			"--user-data-dir=" + t.TempDir()}, args...)
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
