//go:build linux && (amd64 || arm64)

package proxy

import (
	"net/netip"
	"syscall"
	"unsafe"
)

// What follows goes to the kernel without telling Go's scheduler: nothing here ever blocks, and telling it costs more than the call.

const (
	epollET        = 1 << 31
	epollExclusive = 1 << 28
	watched        = syscall.EPOLLIN | syscall.EPOLLOUT | syscall.EPOLLRDHUP | epollET
)

func sysRead(fd int32, b []byte) (int, syscall.Errno) {
	n, _, e := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

func sysWrite(fd int32, b []byte) (int, syscall.Errno) {
	n, _, e := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		syscall.MSG_NOSIGNAL, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

func sysClose(fd int32) { syscall.RawSyscall(syscall.SYS_CLOSE, uintptr(fd), 0, 0) }

// sysSplice moves bytes between a pipe and a socket.
func sysSplice(from, to int32, n int) (int, syscall.Errno) {
	const move, nonblock = 1, 2
	sent, _, e := syscall.RawSyscall6(syscall.SYS_SPLICE, uintptr(from), 0, uintptr(to), 0, uintptr(n), move|nonblock)
	if e != 0 {
		return 0, e
	}
	return int(sent), 0
}

// sysShutdown sends FIN.
func sysShutdown(fd int32) syscall.Errno {
	_, _, e := syscall.RawSyscall(syscall.SYS_SHUTDOWN, uintptr(fd), syscall.SHUT_WR, 0)
	return e
}

// sysAccept takes a connection that waits, and says where it comes from.
func sysAccept(listener int32) (fd int32, from netip.AddrPort, e syscall.Errno) {
	var a syscall.RawSockaddrInet6
	size := uint32(unsafe.Sizeof(a))
	n, _, e := syscall.RawSyscall6(syscall.SYS_ACCEPT4, uintptr(listener), uintptr(unsafe.Pointer(&a)), uintptr(unsafe.Pointer(&size)),
		syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0, 0)
	if e != 0 {
		return -1, netip.AddrPort{}, e
	}
	return int32(n), addrOf(&a), 0
}

// sysLocal is our end of a connection.
func sysLocal(fd int32) netip.AddrPort {
	var a syscall.RawSockaddrInet6
	size := uint32(unsafe.Sizeof(a))
	syscall.RawSyscall(syscall.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&a)), uintptr(unsafe.Pointer(&size)))
	return addrOf(&a)
}

// addrOf reads an address of either family, with IPv4 in its own form.
func addrOf(a *syscall.RawSockaddrInet6) netip.AddrPort {
	switch a.Family {
	case syscall.AF_INET:
		v4 := (*syscall.RawSockaddrInet4)(unsafe.Pointer(a))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), swapped(v4.Port))
	case syscall.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), swapped(a.Port))
	}
	return netip.AddrPort{}
}

// swapped is a port between the network's order and that of the machine, which has the low byte first.
func swapped(port uint16) uint16 { return port>>8 | port<<8 }

// sysConnect begins a connection; done says that it stands already.
func sysConnect(to netip.AddrPort) (fd int32, done bool, e syscall.Errno) {
	var a syscall.RawSockaddrInet6
	family, size := syscall.AF_INET6, unsafe.Sizeof(a)
	a.Family, a.Port, a.Addr = syscall.AF_INET6, swapped(to.Port()), to.Addr().As16()
	if ip := to.Addr().Unmap(); ip.Is4() {
		v4 := (*syscall.RawSockaddrInet4)(unsafe.Pointer(&a))
		*v4 = syscall.RawSockaddrInet4{Family: syscall.AF_INET, Port: swapped(to.Port()), Addr: ip.As4()}
		family, size = syscall.AF_INET, unsafe.Sizeof(*v4)
	}
	n, _, e := syscall.RawSyscall(syscall.SYS_SOCKET, uintptr(family), syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if e != 0 {
		return -1, false, e
	}
	fd = int32(n)
	sysSet(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	sysSet(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, mostAhead)
	sysSet(fd, syscall.SOL_SOCKET, syscall.SO_SNDBUF, mostUnsent)
	_, _, e = syscall.RawSyscall(syscall.SYS_CONNECT, n, uintptr(unsafe.Pointer(&a)), size)
	switch e {
	case 0:
		return fd, true, 0
	case syscall.EINPROGRESS:
		return fd, false, 0
	}
	sysClose(fd)
	return -1, false, e
}

func sysSet(fd int32, level, option, value int) {
	v := int32(value)
	syscall.RawSyscall6(syscall.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option), uintptr(unsafe.Pointer(&v)), 4, 0)
}

// sysKeepAlive has the kernel find out when the other side is gone without a word.
func sysKeepAlive(fd int32) {
	const seconds = 15
	sysSet(fd, syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1)
	sysSet(fd, syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, seconds)
	sysSet(fd, syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, seconds)
}

// sysReset has the connection end with RST when it is closed.
func sysReset(fd int32) {
	v := syscall.Linger{Onoff: 1}
	syscall.RawSyscall6(syscall.SYS_SETSOCKOPT, uintptr(fd), syscall.SOL_SOCKET, syscall.SO_LINGER, uintptr(unsafe.Pointer(&v)),
		unsafe.Sizeof(v), 0)
}

// sysError is why connecting failed, 0 if it did not.
func sysError(fd int32) syscall.Errno {
	var v, size int32 = 0, 4
	_, _, e := syscall.RawSyscall6(syscall.SYS_GETSOCKOPT, uintptr(fd), syscall.SOL_SOCKET, syscall.SO_ERROR, uintptr(unsafe.Pointer(&v)),
		uintptr(unsafe.Pointer(&size)), 0)
	if e != 0 {
		return e
	}
	return syscall.Errno(v)
}

func sysWatch(epoll int, fd int32, events, generation uint32) syscall.Errno {
	ev := syscall.EpollEvent{Events: events, Fd: fd, Pad: int32(generation)}
	_, _, e := syscall.RawSyscall6(syscall.SYS_EPOLL_CTL, uintptr(epoll), syscall.EPOLL_CTL_ADD, uintptr(fd), uintptr(unsafe.Pointer(&ev)), 0, 0)
	return e
}

func sysUnwatch(epoll int, fd int32) {
	var ev syscall.EpollEvent
	syscall.RawSyscall6(syscall.SYS_EPOLL_CTL, uintptr(epoll), syscall.EPOLL_CTL_DEL, uintptr(fd), uintptr(unsafe.Pointer(&ev)), 0, 0)
}

// sysEvents collects events without waiting for any.
func sysEvents(epoll int, events []syscall.EpollEvent) int {
	n, _, e := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(unsafe.SliceData(events))),
		uintptr(len(events)), 0, 0, 0)
	if e != 0 {
		return 0
	}
	return int(n)
}

// sysBell is a descriptor that wakes whoever watches it when something is written to it.
func sysBell() (int32, error) {
	n, _, e := syscall.RawSyscall(syscall.SYS_EVENTFD2, 0, syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if e != 0 {
		return -1, e
	}
	return int32(n), nil
}

// sysTicker is a descriptor that can be read each time the period, in nanoseconds, has passed.
func sysTicker(period int64) (int32, error) {
	const monotonic = 1
	n, _, e := syscall.RawSyscall(syscall.SYS_TIMERFD_CREATE, monotonic, syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if e != 0 {
		return -1, e
	}
	each := syscall.NsecToTimespec(period)
	spec := [2]syscall.Timespec{each, each}
	if _, _, e = syscall.RawSyscall6(syscall.SYS_TIMERFD_SETTIME, n, 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0); e != 0 {
		sysClose(int32(n))
		return -1, e
	}
	return int32(n), nil
}

// sysRing writes to a bell; sysTake reads what a bell or ticker has to say.
func sysRing(fd int32) {
	one := uint64(1)
	syscall.RawSyscall(syscall.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&one)), 8)
}

func sysTake(fd int32) {
	var n uint64
	syscall.RawSyscall(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&n)), 8)
}
