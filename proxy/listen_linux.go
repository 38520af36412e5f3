package proxy

import (
	"bufio"
	"math"
	"os"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

// turnAway has the kernel refuse whoever asks a listening socket for a connection from now on, by binding it to a network device that does
// not exist. Connections that are just being made are made, and can be accepted: so a port can be closed with nothing in its queue, which
// would be reset. Kernels before 5.7 let only root do so.
func turnAway(fd uintptr) error {
	const bindToIfIndex = 62
	acceptAtOnce(fd)
	return syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, bindToIfIndex, math.MaxInt32)
}

// acceptAtOnce undoes what a loop asks of a listening socket: that connections wait there for their first bytes.
func acceptAtOnce(fd uintptr) {
	syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_DEFER_ACCEPT, 0)
}

// inQueue is how many connections wait to be accepted.
func inQueue(fd uintptr) uint32 {
	var info syscall.TCPInfo
	size := uint32(unsafe.Sizeof(info))
	_, _, e := syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.IPPROTO_TCP, syscall.TCP_INFO, uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if e != 0 {
		return 0
	}
	return info.Unacked // of a listening socket
}

// beingMade says whether connections to any of the ports are just being made: the kernel has answered, and waits for the client's next
// word, which may be its first bytes.
func beingMade(ports map[uint16]bool) bool {
	const local, state, synRecv = 1, 3, "03" // columns of proc_net_tcp(5)
	for _, name := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		f, err := os.Open(name)
		if err != nil {
			continue
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			columns := strings.Fields(lines.Text())
			if len(columns) <= state || columns[state] != synRecv {
				continue
			}
			_, text, _ := strings.Cut(columns[local], ":")
			if port, err := strconv.ParseUint(text, 16, 16); err == nil && ports[uint16(port)] {
				return true
			}
		}
	}
	return false
}

// fileOf is another descriptor for the same socket, which stays as it is.
func fileOf(fd uintptr, name string) (*os.File, error) {
	n, _, e := syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_DUPFD_CLOEXEC, 0)
	if e != 0 {
		return nil, os.NewSyscallError("fcntl", e)
	}
	return os.NewFile(n, name), nil
}
