package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestAProfileIsWrittenWhenTheProcessEnds(t *testing.T) {
	file, stats := filepath.Join(t.TempDir(), "cpu"), loopback(freePort(t))
	p := newProcess(t, "sse", "--group", "x", "--marathon", "http://127.0.0.1:1", "--stats-bind", stats, "--http-bind", loopback(freePort(t)),
		"--https-bind", loopback(freePort(t)), "--appid-bind", loopback(freePort(t)), "--state-dir", "none", "--cpu-profile", file).start()
	eventually(t, "it runs", func() bool { status, _ := get("http://" + stats + "/metrics"); return status == 200 })
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	b, err := os.ReadFile(file)
	if err != nil || len(b) < 2 || b[0] != 0x1f || b[1] != 0x8b { // gzip, which a profile is
		t.Errorf("%.10q, %v", b, err)
	}
}
