//go:build linux && (amd64 || arm64)

package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

// descriptors is how many the child process of the next test may have.
const descriptors = 256

// TestChildWithFewDescriptors is no test of its own: it is a process that serves until its input ends.
func TestChildWithFewDescriptors(t *testing.T) {
	server, err := netip.ParseAddrPort(os.Getenv("TEST_SERVER"))
	if err != nil {
		t.Skip("a part of another test")
	}
	port, _ := strconv.Atoi(os.Getenv("TEST_PORT"))
	r := newRig(t, proxy.Options{AccessLog: proxy.LogOff, DrainTimeout: time.Second, Timeouts: proxy.Timeouts{Head: time.Minute}}) // which is not to end first
	r.apply(service(route.HTTP, port, server))
	fmt.Println("serving")
	io.Copy(io.Discard, os.Stdin)
}

// child starts it.
func child(t *testing.T, server netip.AddrPort) (port, pid int) {
	port = freePort(t)
	script := fmt.Sprintf("ulimit -n %d; exec \"$0\" \"$@\"", descriptors)
	cmd := exec.Command("sh", "-c", script, os.Args[0], "-test.run", "^TestChildWithFewDescriptors$", "-engine", string(engine))
	cmd.Env = append(os.Environ(), "TEST_SERVER="+server.String(), fmt.Sprint("TEST_PORT=", port))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "serving" {
	}
	rest := make(chan string)
	go func() { b, _ := io.ReadAll(out); rest <- string(b) }()
	t.Cleanup(func() {
		in.Close()
		said := <-rest
		if err := cmd.Wait(); err != nil {
			t.Errorf("the process that ran out of descriptors ended with %v: %s", err, said)
		}
	})
	return port, cmd.Process.Pid
}

// cpu is what a process has used so far.
func cpu(t *testing.T, pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')'):]))
	user, _ := strconv.Atoi(f[12])
	system, _ := strconv.Atoi(f[11])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// G19 of reliability.md: 1,000 clients, and descriptors for 256. What runs goes on, whoever was let in is served, the process does not spin,
// and once the crowd leaves all is well.
func TestWhoWasLetInIsServedThoughDescriptorsRunOut(t *testing.T) {
	if engine != proxy.LoopEngine {
		t.Skip("this is how the event loops behave")
	}
	t.Parallel()
	drips := make(chan struct{})
	port, pid := child(t, rawTask(t, func(c net.Conn, br *bufio.Reader) {
		h := head(br)
		if strings.HasPrefix(h, "GET /drip ") {
			io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
			for range drips {
				io.WriteString(c, ".")
			}
			return
		}
		io.WriteString(c, ok.say)
	}))
	slow, in := dialed(t, port)
	io.WriteString(slow, "GET /drip HTTP/1.1\r\nHost: h\r\n\r\n")
	running, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	var crowd []net.Conn
	for range 1000 {
		conn, _ := dialed(t, port)
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost:") // nobody can say that it idles
		crowd = append(crowd, conn)
	}
	began, used := time.Now(), cpu(t, pid)
	for range 20 {
		drips <- struct{}{}
		if _, err := io.ReadFull(running.Body, make([]byte, 1)); err != nil {
			t.Fatal("what ran is cut: ", err)
		}
		<-time.After(25 * time.Millisecond)
	}
	if spent := cpu(t, pid) - used; spent > time.Since(began)/2 {
		t.Errorf("%v of CPU in %v", spent, time.Since(began))
	} else {
		t.Logf("%v of CPU in %v", spent, time.Since(began))
	}
	for i, conn := range crowd[:20] {
		io.WriteString(conn, " h\r\nConnection: close\r\n\r\n")
		if b, err := io.ReadAll(conn); !strings.HasPrefix(string(b), "HTTP/1.1 200") {
			t.Errorf("client %d of those let in got %.80q, %v", i, b, err)
		}
	}
	close(drips)
	if _, err := io.Copy(io.Discard, running.Body); err != nil {
		t.Error("what ran did not end well: ", err)
	}
	for _, conn := range crowd {
		conn.Close()
	}
	began = time.Now()
	eventually(t, "a new client is served", func() bool { return say(t, port, strings.Replace(good, eoh, "\r\nConnection: close"+eoh, 1)) != "" })
	t.Logf("new clients are served after %v", time.Since(began))
}
