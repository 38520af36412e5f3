package marathontest

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
)

// socket is a TCP port that is taken but closed: whoever connects is refused. So it is on an agent from the moment Mesos gives out
// a port until the process listens.
type socket struct {
	addr netip.AddrPort
	fd   int // -1 once it listens or is closed
}

// bind takes a port; 0 takes any.
func bind(addr netip.AddrPort) (*socket, error) {
	syscall.ForkLock.RLock()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	k := &socket{fd: fd}
	if addr.Port() != 0 { // old connections of the port may linger; with port 0 this could give out a port twice
		err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	}
	if err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: addr.Addr().As4(), Port: int(addr.Port())})
	}
	var name syscall.Sockaddr
	if err == nil {
		name, err = syscall.Getsockname(fd)
	}
	if err != nil {
		k.close()
		return nil, fmt.Errorf("bind %s: %w", addr, err)
	}
	k.addr = netip.AddrPortFrom(addr.Addr(), uint16(name.(*syscall.SockaddrInet4).Port))
	return k, nil
}

// listen opens the port.
func (k *socket) listen() (net.Listener, error) {
	if err := syscall.Listen(k.fd, 1024); err != nil {
		return nil, os.NewSyscallError("listen", err)
	}
	f := os.NewFile(uintptr(k.fd), k.addr.String())
	k.fd = -1
	defer f.Close() // the listener has its own copy
	return net.FileListener(f)
}

func (k *socket) close() {
	if k.fd >= 0 {
		syscall.Close(k.fd)
		k.fd = -1
	}
}
