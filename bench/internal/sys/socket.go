//go:build linux

package sys

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"syscall"
	"unsafe"
)

// bindAddressNoPort lets the kernel choose the port of a bound address at connect, when it knows the destination.
const bindAddressNoPort = 24

// Listen opens a listener. Its connections inherit TCP_NODELAY.
func Listen(at netip.AddrPort) (int, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("socket: %w", err)
	}
	syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	if err = syscall.Bind(fd, address(at)); err == nil {
		err = syscall.Listen(fd, 4096)
	}
	if err != nil {
		syscall.Close(fd)
		return 0, fmt.Errorf("listener %v: %w", at, err)
	}
	return fd, nil
}

// Accept takes a connection from a listener.
func Accept(fd int) (int, syscall.Errno) {
	n, _, e := syscall.RawSyscall6(syscall.SYS_ACCEPT4, uintptr(fd), 0, 0, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0, 0)
	return int(n), e
}

// Dial begins a connection, from an address of this machine if one is given.
func Dial(to netip.AddrPort, from netip.Addr) (int, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("socket: %w", err)
	}
	syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	if from.IsValid() {
		syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, bindAddressNoPort, 1)
		err = syscall.Bind(fd, address(netip.AddrPortFrom(from, 0)))
	}
	if err == nil {
		err = syscall.Connect(fd, address(to))
	}
	if err != nil && err != syscall.EINPROGRESS {
		syscall.Close(fd)
		return 0, fmt.Errorf("connection to %v: %w", to, err)
	}
	return fd, nil
}

// ConnectError is how a connection that was begun turned out.
func ConnectError(fd int) error {
	n, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ERROR)
	if err == nil && n != 0 {
		err = syscall.Errno(n)
	}
	return err
}

// Receive reads into b; 0 bytes are the end.
func Receive(fd int, b []byte) (int, syscall.Errno) {
	n, _, e := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0, 0, 0)
	return int(n), e
}

// Discard reads at most n bytes and has the kernel throw them away uncopied.
func Discard(fd, n int) (int, syscall.Errno) {
	got, _, e := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), 0, uintptr(n), syscall.MSG_TRUNC, 0, 0)
	return int(got), e
}

// Send writes from b.
func Send(fd int, b []byte) (int, syscall.Errno) {
	n, _, e := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), syscall.MSG_NOSIGNAL, 0, 0)
	return int(n), e
}

// Close closes a socket.
func Close(fd int) { syscall.RawSyscall(syscall.SYS_CLOSE, uintptr(fd), 0, 0) }

func address(a netip.AddrPort) syscall.Sockaddr {
	return &syscall.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
}

// RaiseFiles raises the limit of open files to what is allowed, and says what it is.
func RaiseFiles() int {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil {
		return 1024
	}
	l.Cur = l.Max
	syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l)
	return int(min(l.Cur, 1<<20))
}

// CPUs are those the calling thread may run on.
func CPUs() []int {
	var mask [1024 / 8]byte
	n, _, e := syscall.RawSyscall(syscall.SYS_SCHED_GETAFFINITY, 0, uintptr(len(mask)), uintptr(unsafe.Pointer(&mask)))
	var cpus []int
	for i := 0; e == 0 && i < int(n)*8; i++ {
		if mask[i/8]&(1<<(i%8)) != 0 {
			cpus = append(cpus, i)
		}
	}
	return cpus
}

// Pin lets the calling thread, and those and the processes it begins from now on, run on these only.
func Pin(cpus ...int) error {
	var mask [1024 / 64]uint64
	for _, c := range cpus {
		mask[c/64] |= 1 << (c % 64)
	}
	var bytes [len(mask) * 8]byte
	for i, m := range mask {
		binary.NativeEndian.PutUint64(bytes[i*8:], m)
	}
	_, _, e := syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, uintptr(len(bytes)), uintptr(unsafe.Pointer(&bytes)))
	if e != 0 {
		return fmt.Errorf("pinning to %v: %w", cpus, e)
	}
	return nil
}

// BePunctual has the kernel wake the calling thread when a wait is over, not up to 50 microseconds later.
func BePunctual() {
	const setTimerSlack = 29
	syscall.RawSyscall(syscall.SYS_PRCTL, setTimerSlack, 1, 0)
}
