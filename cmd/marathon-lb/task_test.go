package main

import (
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"marathon-lb/marathon/marathontest"
)

// asTask makes the test binary what runs in a task, a process of its own; its value is the task's id. taskDelay is how long it takes
// for an answer.
const asTask, taskDelay = "TEST_AS_TASK", "TEST_TASK_DELAY"

// runTask serves as a program does whose author never thought of its end: net/http, and SIGTERM does what it does to who does not
// ask for it. Running requests and idle connections break off.
func runTask() {
	ports, err := marathontest.Listeners()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	delay, _ := time.ParseDuration(os.Getenv(taskDelay))
	go func() {
		io.Copy(io.Discard, os.Stdin) // which ends when the test does
		os.Exit(1)
	}()
	http.Serve(ports[0], receipt(os.Getenv(asTask), delay))
	os.Exit(1)
}

// receipt answers each request with what was asked of which task, and a sum of the body.
func receipt(task string, delay time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		time.Sleep(delay)
		fmt.Fprintf(w, "%s %s %08x %s", r.Method, r.URL.Path, crc32.ChecksumIEEE(body), task)
	})
}

// taskProcess makes tasks processes of their own.
func taskProcess(t *testing.T, delay time.Duration) func(*marathontest.Task) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	alive, end, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { alive.Close(); end.Close() })
	return func(task *marathontest.Task) *exec.Cmd {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), asTask+"="+task.ID(), taskDelay+"="+delay.String())
		cmd.Stdin, cmd.Stderr = alive, os.Stderr
		return cmd
	}
}
