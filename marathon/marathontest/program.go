package marathontest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
)

// program is what runs in a task: a server of this process, or a process of its own.
type program interface {
	finish()                // SIGTERM
	ended() <-chan struct{} // closed once it has ended by itself, after SIGTERM or without
	stop()                  // SIGKILL; returns when nothing is left of it
}

// portsVariable tells the program of a Command how many ports it inherits.
const portsVariable = "MARATHONTEST_PORTS"

// firstInherited is the descriptor of the first port; those before are standard input, output and error.
const firstInherited = 3

// Listeners opens the ports of the task that this process runs: it is for the program of Options.Command.
func Listeners() (all []net.Listener, err error) {
	n, err := strconv.Atoi(os.Getenv(portsVariable))
	if err != nil {
		return nil, fmt.Errorf("number of the task's ports: %w", err)
	}
	for fd := firstInherited; fd < firstInherited+n; fd++ {
		l, err := (&socket{fd: fd}).listen()
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}

// child is a task's process that is a real one. The system says how it ends: at SIGTERM it does what it likes, at SIGKILL its
// connections break off.
type child struct {
	cmd    *exec.Cmd
	exited chan struct{}
	wg     sync.WaitGroup
}

// spawn starts the process. It alone has the task's ports from then on: when it ends, they are closed.
func spawn(cmd *exec.Cmd, sockets []*socket) (*child, error) {
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d", portsVariable, len(sockets)))
	for _, k := range sockets {
		f := os.NewFile(uintptr(k.fd), k.addr.String())
		k.fd = -1
		defer f.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("process of the task: %w", err)
	}
	c := &child{cmd: cmd, exited: make(chan struct{})}
	c.wg.Go(func() { cmd.Wait(); close(c.exited) })
	return c, nil
}

func (c *child) finish()                { c.cmd.Process.Signal(syscall.SIGTERM) }
func (c *child) ended() <-chan struct{} { return c.exited }

func (c *child) stop() {
	c.cmd.Process.Kill()
	c.wg.Wait()
}
