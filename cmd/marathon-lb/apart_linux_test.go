package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"unsafe"
)

// cpuSet is the kernel's set of processors, a bit for each.
type cpuSet [1024 / 64]uint64

func (s *cpuSet) add(cpu int)      { s[cpu/64] |= 1 << (cpu % 64) }
func (s *cpuSet) has(cpu int) bool { return s[cpu/64]&(1<<(cpu%64)) != 0 }

// affinity gets or sets where a thread runs.
func affinity(call uintptr, tid int, s *cpuSet) error {
	if _, _, e := syscall.RawSyscall(call, uintptr(tid), unsafe.Sizeof(*s), uintptr(unsafe.Pointer(s))); e != 0 {
		return e
	}
	return nil
}

// apart gives a victim, whose GOMAXPROCS should be 1, one processor for itself, and clients and servers, which are this process, the others
// until the test ends. So figures speak of the victim, and not of what its clients leave it.
func apart(t *testing.T, v *victim) {
	t.Helper()
	var all, first, rest cpuSet
	if err := affinity(syscall.SYS_SCHED_GETAFFINITY, 0, &all); err != nil {
		t.Fatal(err)
	}
	n := 0
	for cpu := range 1024 {
		switch {
		case !all.has(cpu):
			continue
		case n == 0:
			first.add(cpu)
		default:
			rest.add(cpu)
		}
		n++
	}
	if n < 2 {
		t.Skip("this takes two processors")
	}
	pin(t, v.cmd.Process.Pid, &first)
	pin(t, os.Getpid(), &rest)
	procs := runtime.GOMAXPROCS(n - 1)
	t.Cleanup(func() {
		runtime.GOMAXPROCS(procs)
		pin(t, os.Getpid(), &all)
	})
}

// pin has all threads of a process run there. Later ones are where those are that begin them, so it looks until it finds no new one.
func pin(t *testing.T, pid int, s *cpuSet) {
	t.Helper()
	done := map[string]bool{}
	for more := true; more; {
		more = false
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
		for _, name := range threads {
			if done[name] {
				continue
			}
			tid, _ := strconv.Atoi(filepath.Base(name))
			if err := affinity(syscall.SYS_SCHED_SETAFFINITY, tid, s); err != nil && err != syscall.ESRCH {
				t.Fatal(err)
			}
			done[name], more = true, true
		}
	}
}
