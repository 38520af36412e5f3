package marathontest_test

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"marathon-lb/marathon/marathontest"
)

// asTask makes the test binary the program of a task.
const asTask = "MARATHONTEST_AS_TASK"

func runTask() {
	ports, err := marathontest.Listeners()
	if err != nil {
		panic(err)
	}
	http.Serve(ports[0], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, os.Getenv(asTask)) }))
	os.Exit(1)
}

func taskProcess(t *marathontest.Task) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asTask+"="+t.ID())
	return cmd
}

// withConnection is a task and a connection to it that stands.
func withConnection(t *testing.T, s *marathontest.Server) (*marathontest.Task, net.Conn) {
	t.Helper()
	run(t, s, web("/x", 1))
	task := s.Tasks("/x")[0]
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + task.Addrs()[0].String())
	must(t, err)
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); string(text) != task.ID() {
		t.Errorf("it says %q", text)
	}
	c, err := net.Dial("tcp", task.Addrs()[0].String())
	must(t, err)
	t.Cleanup(func() { c.Close() })
	return task, c
}

// gone says that the task's process is: the connection ends, and there is no other.
func gone(t *testing.T, task *marathontest.Task, c net.Conn) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
		t.Error("the connection stands: ", err)
	}
	if _, err := net.Dial("tcp", task.Addrs()[0].String()); err == nil {
		t.Error("the port is open")
	}
}

func TestATaskCanBeAProcessThatSIGTERMEnds(t *testing.T) {
	s, log := start(t, marathontest.Options{Command: taskProcess})
	task, c := withConnection(t, s)
	log.clear()
	_, err := s.Kill(task.ID(), true)
	must(t, err)
	must(t, s.WaitSettled(soon(t)))
	gone(t, task, c)
	if story := log.story(); story[len(story)-4] != "TASK_KILLED" {
		t.Error(story)
	}
}

func TestATaskCanBeAProcessThatCrashes(t *testing.T) {
	s, _ := start(t, marathontest.Options{Command: taskProcess, Timing: quick(func(t *marathontest.Timing) { t.Backoff = time.Hour })})
	task, c := withConnection(t, s)
	task.Crash()
	must(t, s.Wait(soon(t), func() bool { return s.State(task) == "TASK_FAILED" }))
	gone(t, task, c)
}

// What ends by itself has failed; the next one follows.
func TestAProcessThatEndsUnaskedIsFollowedByAnother(t *testing.T) {
	s, log := start(t, marathontest.Options{Command: func(*marathontest.Task) *exec.Cmd { return exec.Command("true") }})
	_, err := s.Create(web("/x", 1))
	must(t, err)
	must(t, s.Wait(soon(t), func() bool {
		failed := 0
		for _, word := range log.story() {
			if word == "TASK_FAILED" {
				failed++
			}
		}
		return failed > 1
	}))
}
