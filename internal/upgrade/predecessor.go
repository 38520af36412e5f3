package upgrade

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Program is what is started as the successor.
type Program struct {
	Path string
	Args []string // with its name
	Env  []string
}

// Give is the listening socket for an address; nil if there is none.
type Give func(address string) (*os.File, error)

// Start starts a successor and waits until it serves, which is when it returns the successor's process id. If it does not get ready
// within the time, or ends, it is gone when Start returns the reason.
func (p Program) Start(ctx context.Context, within time.Duration, give Give) (pid int, err error) {
	conn, theirs, err := pair()
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	cmd := &exec.Cmd{Path: p.Path, Args: p.Args, Env: append(p.Env, fmt.Sprintf("%s=%d", variable, firstExtra)),
		Stdout: os.Stdout, Stderr: os.Stderr, ExtraFiles: []*os.File{theirs}}
	err = cmd.Start()
	theirs.Close()
	if err != nil {
		return 0, err
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	if err = attend(ctx, conn, within, give); err == nil {
		return cmd.Process.Pid, nil
	}
	left := errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)
	if left { // it ends by itself, and says why
		select {
		case <-ended:
		case <-time.After(within):
		}
	}
	cmd.Process.Kill()
	<-ended
	if left {
		return 0, fmt.Errorf("it ended before it was ready: %s", cmd.ProcessState)
	}
	return 0, err
}

// attend answers what the successor says until it serves.
func attend(ctx context.Context, conn *net.UnixConn, within time.Duration, give Give) error {
	late := fmt.Errorf("it was not ready within %v", within)
	limited, cancel := context.WithTimeoutCause(ctx, within, late)
	defer cancel()
	doubt := context.AfterFunc(limited, func() { conn.SetReadDeadline(time.Now()) })
	buf := make([]byte, longest)
	for {
		n, err := conn.Read(buf)
		said := string(buf[:n])
		switch address, wants := strings.CutPrefix(said, want); {
		case err != nil && limited.Err() != nil:
			return context.Cause(limited)
		case err != nil:
			return err
		case wants:
			err = answer(conn, address, give)
		case said == ready:
			if !doubt() {
				return context.Cause(limited)
			}
			conn.SetDeadline(time.Now().Add(within))
			_, err = io.WriteString(conn, goOn)
		case said == serving:
			return nil
		default:
			err = fmt.Errorf("it said %q", said)
		}
		if err != nil {
			return err
		}
	}
}

// answer sends the socket for an address, if there is one.
func answer(conn *net.UnixConn, address string, give Give) error {
	f, err := give(address)
	if err != nil {
		return fmt.Errorf("listening socket of %s: %w", address, err)
	}
	if f == nil {
		_, err = io.WriteString(conn, none)
		return err
	}
	defer f.Close()
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	cerr := raw.Control(func(fd uintptr) { _, _, err = conn.WriteMsgUnix([]byte(have), syscall.UnixRights(int(fd)), nil) })
	return errors.Join(cerr, err)
}

// pair makes the two ends.
func pair() (ours *net.UnixConn, theirs *os.File, err error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	theirs = os.NewFile(uintptr(fds[1]), "successor")
	if ours, err = connOf(os.NewFile(uintptr(fds[0]), "successor")); err != nil {
		theirs.Close()
	}
	return ours, theirs, err
}

// connOf is the connection that a file is.
func connOf(f *os.File) (*net.UnixConn, error) {
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return nil, fmt.Errorf("%s is no connection between processes", f.Name())
	}
	return u, nil
}
