package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"marathon-lb/marathon/marathontest"
)

// follower is the program, following a Marathon and keeping its table in a folder.
type follower struct {
	*process
	http, stats string
}

func follow(t *testing.T, url, dir string) follower {
	t.Helper()
	f := follower{http: loopback(freePort(t)), stats: loopback(freePort(t))}
	f.process = newProcess(t, "sse", "--marathon", url, "--group", "external", "--health-check", "--http-bind", f.http, "--https-bind", loopback(freePort(t)),
		"--appid-bind", loopback(freePort(t)), "--stats-bind", f.stats, "--service-addr", "127.0.0.1", "--state-dir", dir).start()
	return f
}

func TestARestartWithoutMarathonServesTheSavedTable(t *testing.T) {
	sim, dir := marathontest.New(marathontest.Options{}), t.TempDir()
	if err := sim.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	port := freePort(t)
	create(t, sim, app("/web", port, 2, vhost, "web.test"))
	first := follow(t, sim.URL(), dir)
	serves := func(f follower) bool { status, _ := get("http://"+f.http, "Host", "web.test"); return status == 200 }
	eventually(t, "the app is served", func() bool {
		return serves(first) && len(servers("http://"+first.stats, fmt.Sprintf("web_%d", port))) == 2
	})
	first.signal(syscall.SIGTERM)
	if code := first.exit(); code != 0 {
		t.Fatalf("exit code %d\n%s", code, first.err.String())
	}
	saved := filepath.Join(dir, "picture.json")
	if info, err := os.Stat(saved); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the file: %v, %v", info, err)
	}

	sim.StopListening()
	began := time.Now()
	second := follow(t, sim.URL(), dir)
	eventually(t, "the saved table is served", func() bool { return serves(second) })
	t.Logf("served %v after the start", time.Since(began).Round(time.Millisecond))
	if status, _ := get("http://" + second.stats + "/ready"); status != 200 {
		t.Errorf("/ready: %d", status)
	}
	if _, text := get("http://" + second.stats + "/metrics"); !strings.Contains(text, "\nmarathon_up 0") {
		t.Error("/metrics does not say that Marathon is away")
	}
	if !strings.Contains(second.err.String(), "serving the saved table") {
		t.Errorf("the log does not say so:\n%s", second.err.String())
	}
	if err := sim.Listen(); err != nil {
		t.Fatal(err)
	}
	create(t, sim, app("/new", freePort(t), 1, vhost, "new.test"))
	eventually(t, "Marathon is followed again", func() bool { status, _ := get("http://"+second.http, "Host", "new.test"); return status == 200 })
	second.signal(syscall.SIGKILL)
	second.exit()

	if err := os.WriteFile(saved, []byte(`{"format":1,"apps":[{"app":`), 0o600); err != nil {
		t.Fatal(err)
	}
	third := follow(t, sim.URL(), dir)
	eventually(t, "a broken file is no obstacle", func() bool { return serves(third) })
	if !strings.Contains(third.err.String(), "the saved table cannot be read") {
		t.Errorf("the log does not say so:\n%s", third.err.String())
	}
}

func TestTheTableOfAnotherMarathonIsNotServed(t *testing.T) {
	sim, dir := marathontest.New(marathontest.Options{}), t.TempDir()
	if err := sim.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	create(t, sim, app("/web", freePort(t), 1, vhost, "web.test"))
	first := follow(t, sim.URL(), dir)
	eventually(t, "the app is served", func() bool { status, _ := get("http://"+first.http, "Host", "web.test"); return status == 200 })
	first.signal(syscall.SIGTERM)
	first.exit()
	other := follow(t, "http://"+loopback(freePort(t)), dir)
	eventually(t, "the log says so", func() bool { return strings.Contains(other.err.String(), "that of another Marathon") })
	if status, _ := get("http://" + other.stats + "/ready"); status != 503 {
		t.Errorf("/ready: %d", status)
	}
}
