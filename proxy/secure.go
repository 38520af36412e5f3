package proxy

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"marathon-lb/internal/route"
)

// Servers that speak TLS ("server ... ssl verify none"). What they are is not verified: Marathon said where they run.

// toServers is how TLS is spoken with servers.
var toServers = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10} // a proxy that asks for a new version would shut apps out

// duplex is a connection of which one way can end.
type duplex interface {
	net.Conn
	CloseWrite() error
}

// dialServer connects to a server, in the time that may take, and speaks TLS if the server does.
func dialServer(ctx context.Context, s *route.Server, limit time.Duration) (duplex, error) {
	dialer := net.Dialer{Timeout: limit, KeepAlive: 15 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", s.Addr.String())
	if err != nil {
		return nil, err
	}
	conn.(*net.TCPConn).SetReadBuffer(mostAhead) // where that fails, the system's size is used
	conn.(*net.TCPConn).SetWriteBuffer(mostUnsent)
	if !s.TLS {
		return conn.(*net.TCPConn), nil
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	secure := tls.Client(conn, toServers)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}
