//go:build linux

// Package backend is the server behind the load balancers under test: one epoll loop, answers made beforehand. Read backend.go (the
// loop), conn.go (one connection), answer.go (what is asked, what is said).
package backend

import (
	"net/netip"
	"syscall"

	"marathon-lb/bench/internal/sys"
)

// server is the loop's state. Connections are found by their descriptor; listeners have none.
type server struct {
	poll    *sys.Poll
	listens map[int]bool
	conns   []*conn
	spare   []*conn
}

// Serve answers on all addresses until the process ends or it fails; ready is called once they are open.
func Serve(at []netip.AddrPort, ready func()) error {
	sys.RaiseFiles()
	poll, err := sys.NewPoll()
	if err != nil {
		return err
	}
	s := &server{poll: poll, listens: map[int]bool{}}
	for _, a := range at {
		fd, err := sys.Listen(a)
		if err != nil {
			return err
		}
		if err := poll.Add(fd); err != nil {
			return err
		}
		s.listens[fd] = true
	}
	ready()
	for {
		events, err := poll.Wait(-1)
		if err != nil {
			return err
		}
		for _, e := range events {
			s.event(int(e.Fd), e.Events)
		}
	}
}

func (s *server) event(fd int, events uint32) {
	if fd >= len(s.conns) || s.conns[fd] == nil {
		if s.listens[fd] {
			s.accept(fd)
		}
		return
	}
	c := s.conns[fd]
	if !c.turn(events) {
		s.conns[fd] = nil
		sys.Close(fd)
		c.reset()
		s.spare = append(s.spare, c)
	}
}

// accept takes all that wait: the next event comes only with a new one.
func (s *server) accept(listener int) {
	for {
		fd, e := sys.Accept(listener)
		if e == syscall.EINTR || e == syscall.ECONNABORTED {
			continue
		}
		if e != 0 {
			return
		}
		for fd >= len(s.conns) {
			s.conns = append(s.conns, make([]*conn, 1024)...)
		}
		c := &conn{in: make([]byte, 4096)}
		if n := len(s.spare); n > 0 {
			c, s.spare = s.spare[n-1], s.spare[:n-1]
		}
		c.fd = fd
		if s.poll.Add(fd) != nil {
			sys.Close(fd)
			continue
		}
		s.conns[fd] = c
	}
}
