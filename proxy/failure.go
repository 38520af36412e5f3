package proxy

import (
	"marathon-lb/internal/h1"
	"marathon-lb/internal/route"
)

// Failure says why a request or connection did not end well. The zero value is OK.
type Failure uint8

// The failures, in the order of a request's life. Their meaning is in the table below.
const (
	OK Failure = iota
	BadRequest
	BadVersion
	UnknownCoding
	HeadTooLarge
	HeadTooSlow
	ClientLeftAsking
	NoMemory
	MethodRefused
	TargetTooLong
	TooManyFields
	NoTable
	NoRoute
	Closed
	Redirected
	Forbidden
	Unauthorized
	AuthBusy
	QueueFull
	QueueTimeout
	NoServer
	HeldTooLong
	ClientLeftHeld
	ConnectRefused
	ConnectTimeout
	NoSocket
	ClientLeftConnecting
	ClientStalled
	ClientLeft
	ServerClosed
	ServerTimeout
	BadResponse
	ServerGoneWaiting
	ClientCut
	ClientStalledReading
	ServerCut
	ServerStalled
	ServerGone
	numFailures
)

// failure is a row of the one table of failures: nothing else decides on a status of ours, a termination code or an error counter.
type failure struct {
	name   string // as documented
	status int    // what the client is answered; 0 if it cannot be answered any more
	logged int    // the status in the log where none was answered
	term   string // HAProxy's termination state, its first two letters (haproxy-stats.md 6.3)
	retry  retry  // whether another server may be tried
	front  []route.Count
	back   []route.Count // counted for the backend, and for the server if one was chosen
	doc    string
}

var failures = [numFailures]failure{
	OK: {name: "ok", term: "--", doc: "it ended well"},

	BadRequest: {name: "bad request", status: 400, logged: 400, term: "PR", front: errReq,
		doc: "the request could not be read: bad syntax, or anything of the next rows where net/http reads it"},
	BadVersion:    {name: "bad version", status: 505, term: "PR", front: errReq, doc: "the request is of no version of HTTP that is served"},
	UnknownCoding: {name: "unknown coding", status: 501, term: "PR", front: errReq, doc: "the body has a transfer coding other than chunked"},
	HeadTooLarge:  {name: "head too large", status: 431, term: "PR", front: errReq, doc: "the head has more than 32 KB"},
	HeadTooSlow:   {name: "head too slow", status: 408, term: "cR", front: errReq, doc: "the head was not whole in time"},
	ClientLeftAsking: {name: "client left asking", logged: -1, term: "CR", front: errReq,
		doc: "the client went away before the head of its request was whole"},
	NoMemory: {name: "out of memory", status: 503, term: "RC", front: []route.Count{route.DeniedConn},
		doc: "nearly all of the memory that GOMEMLIMIT allows is in use, so no new connection is served"},
	MethodRefused: {name: "method refused", status: 405, term: "PR", front: errReq, doc: "CONNECT is not offered"},
	TargetTooLong: {name: "target too long", status: 414, term: "PR", front: errReq, doc: "path and query are longer than 8 KB"},
	TooManyFields: {name: "too many fields", status: 431, term: "PR", front: errReq, doc: "the head has more than 100 fields"},

	NoTable: {name: "no table", status: 503, term: "SC", doc: "Marathon was not read yet, or has no app for this load balancer"},
	NoRoute: {name: "no route", status: 503, term: "SC", doc: "no rule matches the host, path or app id"},
	Closed: {name: "closed", status: 503, term: "PR", front: []route.Count{route.DeniedReq}, back: []route.Count{route.DeniedReq},
		doc: "the service asks for a restriction of access that cannot be honoured, so nobody gets in"},
	Redirected: {name: "redirected", status: 301, term: "LR", doc: "the client is sent elsewhere, as the service's labels ask"},
	Forbidden: {name: "forbidden", status: 403, term: "PR", front: []route.Count{route.DeniedReq}, back: []route.Count{route.DeniedReq},
		doc: "the client's address is not in the service's list of those allowed"},
	Unauthorized: {name: "unauthorized", status: 401, term: "PR", doc: "the service wants a user and a password, and these were not shown"},
	AuthBusy: {name: "passwords busy", status: 503, term: "PR", front: []route.Count{route.DeniedReq}, back: []route.Count{route.DeniedReq},
		doc: "more passwords wait to be checked than can be checked in time"},
	QueueFull: {name: "queue full", status: 503, term: "SQ", back: []route.Count{route.ErrConn},
		doc: "as many requests run on the backend as may, and too many wait already"},
	QueueTimeout: {name: "queue timeout", status: 503, term: "sQ", back: []route.Count{route.ErrConn},
		doc: "the backend had no room for one more request in time"},
	NoServer: {name: "no server", status: 503, term: "SC", back: []route.Count{route.ErrConn}, doc: "the backend has no usable server"},
	HeldTooLong: {name: "held too long", status: 503, term: "sQ", back: []route.Count{route.ErrConn},
		doc: "the request was held, as the service's HOLD asks, and no server came in time"},
	ClientLeftHeld: {name: "client left while held", logged: 499, term: "CQ", back: clientAbort,
		doc: "the client went away while its request was held"},

	ConnectRefused: {name: "connect refused", status: 503, term: "SC", retry: unsent, back: []route.Count{route.ErrConn},
		doc: "no connection to a server, after retries"},
	ConnectTimeout: {name: "connect timeout", status: 503, term: "sC", retry: unsent, back: []route.Count{route.ErrConn},
		doc: "a server did not take the connection in time, after retries"},
	NoSocket: {name: "no socket", status: 503, term: "RC", retry: unsent, back: []route.Count{route.ErrConn},
		doc: "this machine had no file descriptor or no local port left for a connection to a server, after retries"},
	ClientLeftConnecting: {name: "client left while connecting", logged: 499, term: "CC", back: clientAbort,
		doc: "the client went away before a server was connected"},

	ClientStalled: {name: "client stalled", status: 408, term: "cH", back: clientAbort,
		doc: "the client stopped sending the body of its request"},
	ClientLeft: {name: "client left", logged: 499, term: "CH", back: clientAbort,
		doc: "the client went away before the response; the server's connection was closed"},
	ServerClosed: {name: "server closed", status: 502, term: "SH", retry: unanswered, back: serverAbort,
		doc: "the server closed the connection before the head of its response was whole"},
	ServerTimeout: {name: "server timeout", status: 504, term: "sH", back: []route.Count{route.ErrResp},
		doc: "the server sent no head of a response in time"},
	BadResponse: {name: "bad response", status: 502, term: "PH", back: []route.Count{route.ErrResp},
		doc: "what the server sent is no HTTP response, or one nobody asked for"},
	ServerGoneWaiting: {name: "server gone while waiting", status: 502, term: "DH", back: serverAbort,
		doc: "the server left and its time to finish ran out before the response"},

	ClientCut: {name: "client cut", term: "CD", back: clientAbort, doc: "the client went away during the response"},
	ClientStalledReading: {name: "client stalled reading", term: "cD", back: clientAbort,
		doc: "the client stopped reading the response, or a tunnel was idle on its side"},
	ServerCut: {name: "server cut", term: "SD", back: serverAbort, doc: "the server broke off during the response; the client sees a cut"},
	ServerStalled: {name: "server stalled", term: "sD", back: []route.Count{route.ErrResp},
		doc: "the server stopped sending its response, or a tunnel was idle"},
	ServerGone: {name: "server gone", term: "DD", back: serverAbort,
		doc: "the server left and its time to finish ran out during the response or in a tunnel"},
}

// retry says when a failed try may be followed by another.
type retry uint8

const (
	never      retry = iota
	unsent           // nothing reached the server: whatever the method
	unanswered       // the server may have acted on it: idempotent requests, once, and within a budget
)

var (
	errReq      = []route.Count{route.ErrReq}
	clientAbort = []route.Count{route.ClientAborts}
	serverAbort = []route.Count{route.ErrResp, route.ServerAborts}
)

// row is the failure's row of the table.
func (f Failure) row() *failure { return &failures[f] }

// String is the failure's name.
func (f Failure) String() string { return failures[f].name }

// begun is the failure that f is once a part of the response was sent: the client cannot be answered any more.
func (f Failure) begun() Failure {
	switch f {
	case ClientLeft, ClientStalled:
		return ClientCut
	case ServerClosed, BadResponse:
		return ServerCut
	case ServerTimeout:
		return ServerStalled
	case ServerGoneWaiting:
		return ServerGone
	}
	return f
}

// faultOf is what a fault of a request's head is called in the table of failures.
func faultOf(f h1.Fault) Failure {
	switch f {
	case h1.BadVersion:
		return BadVersion
	case h1.MethodRefused:
		return MethodRefused
	case h1.TargetTooLong:
		return TargetTooLong
	case h1.HeadTooLarge:
		return HeadTooLarge
	case h1.TooManyFields:
		return TooManyFields
	case h1.UnknownCoding:
		return UnknownCoding
	}
	return BadRequest
}
