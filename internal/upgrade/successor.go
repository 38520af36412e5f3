package upgrade

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
)

// Predecessor is the process that started this one to take its place.
type Predecessor struct {
	mu   sync.Mutex
	conn *net.UnixConn
}

// Find finds the predecessor in the environment, and takes it out of there: it is none of this process's children. nil if there is none.
func Find() (*Predecessor, error) {
	text, ok := os.LookupEnv(variable)
	if !ok {
		return nil, nil
	}
	os.Unsetenv(variable)
	fd, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("%s=%q: %w", variable, text, err)
	}
	syscall.CloseOnExec(int(fd))
	conn, err := connOf(os.NewFile(uintptr(fd), "predecessor"))
	if err != nil {
		return nil, fmt.Errorf("%s=%s: %w", variable, text, err)
	}
	return &Predecessor{conn: conn}, nil
}

// Listener is the predecessor's listener for an address; nil if it has none.
func (p *Predecessor) Listener(address string) (*net.TCPListener, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := io.WriteString(p.conn, want+address); err != nil {
		return nil, err
	}
	text, rights := make([]byte, longest), make([]byte, syscall.CmsgSpace(4))
	n, nr, _, _, err := p.conn.ReadMsgUnix(text, rights)
	switch said := string(text[:n]); {
	case err != nil:
		return nil, err
	case said == none:
		return nil, nil
	case said != have:
		return nil, fmt.Errorf("it said %q", said)
	}
	return listenerOf(rights[:nr], address)
}

// listenerOf is the listener that a control message brings.
func listenerOf(rights []byte, address string) (*net.TCPListener, error) {
	messages, err := syscall.ParseSocketControlMessage(rights)
	if err != nil {
		return nil, err
	}
	if len(messages) != 1 {
		return nil, fmt.Errorf("%d control messages came with %s", len(messages), address)
	}
	fds, err := syscall.ParseUnixRights(&messages[0])
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fds[0]), address)
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	t, ok := l.(*net.TCPListener)
	if !ok {
		l.Close()
		return nil, fmt.Errorf("%s is no TCP socket", address)
	}
	return t, nil
}

// Ready says that this process could serve, and waits until it is told to. The error says that the predecessor is gone, or does not want
// it any more: then it must end.
func (p *Predecessor) Ready() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := io.WriteString(p.conn, ready); err != nil {
		return err
	}
	text := make([]byte, longest)
	n, err := p.conn.Read(text)
	if err == nil && string(text[:n]) != goOn {
		err = fmt.Errorf("it said %q", text[:n])
	}
	return err
}

// Serving says that this process serves now. It is the last word.
func (p *Predecessor) Serving() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := io.WriteString(p.conn, serving)
	p.conn.Close()
	return err
}
