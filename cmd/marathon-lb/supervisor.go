package main

import (
	"fmt"
	"net"
	"os"
)

// supervisor is who started this process and looks after it, if that is one who wants to know how it fares: systemd, by the protocol of
// sd_notify(3). Without one, nobody is told.
type supervisor struct{ socket string }

func newSupervisor() supervisor { return supervisor{os.Getenv("NOTIFY_SOCKET")} }

// ready says that this process serves, and that it is the one to look after.
func (s supervisor) ready() { s.tell(fmt.Sprintf("READY=1\nMAINPID=%d", os.Getpid())) }

func (s supervisor) leaving() { s.tell("STOPPING=1") }

// tell is in vain at worst: no supervisor is worth a failure.
func (s supervisor) tell(text string) {
	if s.socket == "" {
		return
	}
	if c, err := net.Dial("unixgram", s.socket); err == nil {
		fmt.Fprint(c, text)
		c.Close()
	}
}
