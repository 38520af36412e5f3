//go:build linux && (amd64 || arm64)

package proxy

import "syscall"

// pipe carries bytes of a large body from one socket to another inside the kernel: they are never copied to us.
type pipe struct {
	out, in int32 // its ends: what goes into in comes out of out
	n       int   // bytes in it
}

const (
	spliceFrom = 128 << 10 // bytes that must still be to come for a pipe to be worth its while
	pipeSize   = 256 << 10
	mostPipes  = 32 // that are kept, empty, for use again
)

// getPipe is an empty pipe; nil if there can be none.
func (l *loop) getPipe() *pipe {
	if last := len(l.pipes) - 1; last >= 0 {
		p := l.pipes[last]
		l.pipes = l.pipes[:last]
		return p
	}
	var ends [2]int
	if syscall.Pipe2(ends[:], syscall.O_NONBLOCK|syscall.O_CLOEXEC) != nil {
		return nil
	}
	const setSize = 1031 // F_SETPIPE_SZ; where it is refused, the pipe is smaller
	syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(ends[1]), setSize, pipeSize)
	return &pipe{out: int32(ends[0]), in: int32(ends[1])}
}

// putPipe takes a pipe back.
func (l *loop) putPipe(p *pipe) {
	if p == nil {
		return
	}
	if p.n == 0 && len(l.pipes) < mostPipes {
		l.pipes = append(l.pipes, p)
		return
	}
	p.close()
}

func (p *pipe) close() {
	sysClose(p.out)
	sysClose(p.in)
}

func (p *pipe) pending() bool { return p != nil && p.n > 0 }

// fill takes what there is on a socket, size bytes at most. The pipe must be empty: then only the socket can be to blame if nothing comes.
func (p *pipe) fill(from *conn, size int) (int, syscall.Errno) {
	n, e := sysSplice(from.fd, p.in, min(size, pipeSize))
	if e == syscall.EAGAIN {
		from.readable = false
	}
	p.n += n
	return n, e
}

// drain gives what is in the pipe to a socket.
func (l *loop) drain(p *pipe, to *conn) (sum int, _ progress) {
	for p.pending() {
		n, e := sysSplice(p.out, to.fd, p.n)
		if e == syscall.EAGAIN {
			l.watch(to)
			return sum, sentPart
		}
		if e != 0 || n == 0 {
			return sum, sendFailed
		}
		p.n -= n
		sum += n
	}
	return sum, sentAll
}
