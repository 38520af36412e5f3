package proxy

import (
	"os"
	"syscall"
	"unsafe"
)

// turnAway has the kernel drop whoever asks a listening socket for a connection from now on. Connections that are being made are made, and
// can be accepted: so a port can be closed with nothing in its queue, which would be reset.
func turnAway(fd uintptr) {
	acceptAtOnce(fd)
	const (
		loadByte, flags     = syscall.BPF_LD | syscall.BPF_B | syscall.BPF_ABS, 13 // of the TCP header
		maskFlags, synOrAck = syscall.BPF_ALU | syscall.BPF_AND | syscall.BPF_K, 0x12
		isEqual, syn        = syscall.BPF_JMP | syscall.BPF_JEQ | syscall.BPF_K, 0x02
		verdict, whole      = syscall.BPF_RET | syscall.BPF_K, 1 << 18
	)
	program := []syscall.SockFilter{
		{Code: loadByte, K: flags}, {Code: maskFlags, K: synOrAck}, {Code: isEqual, K: syn, Jf: 1}, {Code: verdict, K: 0}, {Code: verdict, K: whole},
	}
	p := syscall.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	syscall.Syscall6(syscall.SYS_SETSOCKOPT, fd, syscall.SOL_SOCKET, syscall.SO_ATTACH_FILTER, uintptr(unsafe.Pointer(&p)), unsafe.Sizeof(p), 0)
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

// fileOf is another descriptor for the same socket, which stays as it is.
func fileOf(fd uintptr, name string) (*os.File, error) {
	n, _, e := syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_DUPFD_CLOEXEC, 0)
	if e != 0 {
		return nil, os.NewSyscallError("fcntl", e)
	}
	return os.NewFile(n, name), nil
}
