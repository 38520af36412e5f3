package proxy

import (
	"net/netip"
	"time"

	"marathon-lb/internal/route"
)

// Options is what the proxy obeys. config binds command-line flags to these fields; each comment is the flag's help.
type Options struct {
	// DrainTimeout is how long a request may still run on a server that left, and on this process after SIGTERM.
	DrainTimeout time.Duration
	// TunnelDrainTimeout is how long WebSocket and TCP connections may go on after SIGTERM or an upgrade; as long as requests if zero.
	TunnelDrainTimeout time.Duration
	// TrustedProxies are the networks whose X-Forwarded-Proto is believed; what others send is replaced.
	TrustedProxies []netip.Prefix
	// AuthScope is where HAPROXY_{n}_AUTH is asked for: all is every HTTP entry of the service, vhost only :80 and :443.
	AuthScope AuthScope
	// ServerClose opens a connection to the server for each request, HAProxy's http-server-close.
	ServerClose bool
	// MaxConn is how many client connections there may be at a time. If there are as many, those that idle are closed, and new ones wait to be
	// accepted; half of the files that may be open if zero, since each needs a server, too.
	MaxConn int
	// BackendMaxConn is how many requests, tunnels and TCP connections may run on a service at a time, so that one whose servers do not answer
	// leaves room for others. Half as many again wait in line for up to 30 s, and those are 503 after that, or at once if the line
	// is full; half of --maxconn if zero.
	BackendMaxConn int
	// Engine is what serves HTTP and TCP: loop, which is event loops of our own and what Linux gets without this flag, or nethttp, Go's HTTP
	// library. Ports with TLS are served by nethttp in any case.
	Engine Engine
	// AccessLog says which requests are logged: errors, all or off.
	AccessLog AccessLog
	// SSLCerts are PEM files for :443, or directories of them, each file with a certificate, its chain and its key. The first one is
	// for clients that ask for no host, or for one that no certificate names; without any, one is made that is signed by itself.
	SSLCerts []string
	// CertPEMs are certificates for :443, each with its chain and its key. They follow those of --ssl-certs, and HAPROXY_{n}_SSL_CERT finds
	// them where Marathon-LB wrote them: /etc/ssl/cert.pem, /etc/ssl/cert0.pem and so on.
	CertPEMs []CertPEM
	// ErrorFiles are whole HTTP responses, told in the place of answers of ours where the service has none of its own.
	ErrorFiles []route.ErrorFile
	// CertPoll is how often files of certificates are looked at; 2 s if zero.
	CertPoll time.Duration
	// TLSMin is the oldest version of TLS that clients may speak: 1.0, 1.1, 1.2 or 1.3.
	TLSMin TLSVersion
	// HoldRequests is how many requests of one service HAPROXY_{n}_HOLD may hold at a time, 0 for none; more are answered 503 at once.
	HoldRequests uint
	// HoldBytes is how many bytes the held requests of all services may take; 64 MiB if zero.
	HoldBytes uint
	// Timeouts bound each phase of a request; zero fields take Marathon-LB's values.
	Timeouts Timeouts
}

// Engine is a way to serve.
type Engine string

// The choices. Without one it is the loop, where there is one.
const (
	LoopEngine    Engine = "loop"
	NetHTTPEngine Engine = "nethttp"
)

// AuthScope says where a password is asked for.
type AuthScope string

// The choices.
const (
	AuthAll   AuthScope = "all"
	AuthVHost AuthScope = "vhost" // as Marathon-LB did: the service port and :9091 let everybody in
)

// CertPEM is a certificate that came as text.
type CertPEM struct {
	Variable string // of the environment
	Path     string // of the file it stands for
	Text     string
}

// AccessLog says which requests get a line in the log.
type AccessLog string

// The choices.
const (
	LogErrors AccessLog = "errors" // those that were refused, ended in an error of ours, or were cut; no redirects
	LogAll    AccessLog = "all"
	LogOff    AccessLog = "off"
)

// Timeouts bound the phases of a request (marathon-lb.md 4.4; keep-alive and head as decided in docs/differences.md).
type Timeouts struct {
	Connect   time.Duration // to a server; 3 s
	Handshake time.Duration // of TLS; 5 s
	Head      time.Duration // for the client's whole request head; 15 s
	KeepAlive time.Duration // an idle client connection; 60 s
	Client    time.Duration // without progress of the client; 30 s
	Server    time.Duration // without progress of the server; 30 s
	Queue     time.Duration // for a backend to have room; 30 s
	Tunnel    time.Duration // without a byte either way on a WebSocket or TCP connection; 3600 s
}
