//go:build linux

package load

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"

	"marathon-lb/bench/internal/sys"
)

// Idle is what clients cost that only stay.
type Idle struct {
	Opened   int
	Open     int // of them at the time of AfterKB
	BeforeKB int // memory of the processes under test
	AfterKB  int
}

// Stay opens so many connections, one request on each, and leaves them alone. It tells the memory of the processes under test before
// and after. Here nothing is lean: what it costs this process does not matter.
func Stay(s Spec, conns int) (Idle, error) {
	sys.RaiseFiles()
	s.Exchange = KeepAlive
	request, idle := head(s), Idle{BeforeKB: sys.ResidentKB(s.PIDs)}
	open := make([]net.Conn, 0, conns)
	defer func() {
		for _, c := range open {
			c.Close()
		}
	}()
	for range conns {
		c, err := net.Dial("tcp", s.To.String())
		if err != nil {
			return idle, fmt.Errorf("idle connection %d: %w", len(open)+1, err)
		}
		open = append(open, c)
		c.SetDeadline(time.Now().Add(5 * time.Second))
		if err := once(c, request); err != nil {
			return idle, fmt.Errorf("request on idle connection %d: %w", len(open), err)
		}
	}
	idle.AfterKB, idle.Opened = sys.ResidentKB(s.PIDs), len(open)
	for _, c := range open {
		if stands(c) {
			idle.Open++
		}
	}
	return idle, nil
}

func once(c net.Conn, request []byte) error {
	if _, err := c.Write(request); err != nil {
		return err
	}
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("the answer is %s", r.Status)
	}
	_, err = io.Copy(io.Discard, r.Body)
	return err
}

// stands says that the server has not closed a connection.
func stands(c net.Conn) bool {
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		return false
	}
	var e syscall.Errno
	err = raw.Control(func(fd uintptr) { _, e = sys.Receive(int(fd), make([]byte, 1)) })
	return err == nil && e == syscall.EAGAIN
}
