// Package proxy serves clients: it opens the ports the table asks for, finds a server for each request and moves the bytes. It
// knows nothing of Marathon.
//
// Read in the order of a request's life: proxy.go (the table and its changes), listen.go (a connection comes in), tls.go (if it
// speaks TLS; what certificates there are is in certs.go and the files whose names begin so), nethttp.go and tcp.go (the
// engines), request.go and decide.go (where does it go), attempt.go (to which server), upstream.go (the connection to it),
// headers.go (what is changed on the way), tunnel.go (WebSocket and TCP), failure.go and respond.go (what if it fails),
// exchange.go (what is counted), log.go (what is said). Beside that life, check.go, visit.go and probe.go find out which servers are
// well.
//
// decide, attempt, headers and failure are pure: they hold all policy, so that engines have no opinions of their own.
package proxy
