package sys

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Usage is what processes have used of the processor so far.
type Usage struct {
	CPU          time.Duration // exact
	User, System int64         // in ticks of the kernel, good for their proportion
}

// Minus is what was used since an earlier reading.
func (u Usage) Minus(before Usage) Usage {
	return Usage{CPU: u.CPU - before.CPU, User: u.User - before.User, System: u.System - before.System}
}

// ReadUsage reads it for processes with all their threads.
func ReadUsage(pids []int) (Usage, error) {
	var sum Usage
	for _, pid := range pids {
		files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		if err != nil || len(files) == 0 {
			return sum, fmt.Errorf("process %d is gone", pid)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				continue // the thread ended
			}
			first, _, _ := bytes.Cut(text, []byte(" "))
			ns, _ := strconv.ParseInt(string(first), 10, 64)
			sum.CPU += time.Duration(ns)
		}
		fields, err := stat(pid)
		if err != nil {
			return sum, err
		}
		sum.User += number(fields, 11)
		sum.System += number(fields, 12)
	}
	return sum, nil
}

// stat is /proc/PID/stat from the third field on: the second, the name, may have spaces in it.
func stat(pid int) ([][]byte, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	return bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:]), nil
}

func number(fields [][]byte, i int) int64 {
	if i >= len(fields) {
		return 0
	}
	n, _ := strconv.ParseInt(string(fields[i]), 10, 64)
	return n
}

// Children are the processes that a process began and that still run.
func Children(parent int) []int {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	var pids []int
	for _, d := range dirs {
		pid, err := strconv.Atoi(filepath.Base(d))
		if err != nil {
			continue
		}
		if fields, err := stat(pid); err == nil && number(fields, 1) == int64(parent) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// ResidentKB is how much memory processes hold.
func ResidentKB(pids []int) int {
	kb := 0
	for _, pid := range pids {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if _, after, ok := bytes.Cut(text, []byte("VmRSS:")); ok {
			if f := bytes.Fields(after); len(f) > 0 {
				n, _ := strconv.Atoi(string(f[0]))
				kb += n
			}
		}
	}
	return kb
}
