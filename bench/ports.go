//go:build linux

package main

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"time"
)

// port is a port of 127.0.0.1 that is free, below those the kernel gives to connections, and not given twice.
func (b *bench) port() netip.AddrPort {
	for {
		b.lastPort++
		at := netip.AddrPortFrom(loopback, b.lastPort)
		if free(at) {
			return at
		}
	}
}

func free(at netip.AddrPort) bool {
	l, err := net.Listen("tcp", ":"+strconv.Itoa(int(at.Port())))
	if err != nil {
		return false
	}
	l.Close()
	return true
}

// settle lets what starting has left behind come to an end.
func settle(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
