// Package proxy serves clients: it opens the ports the table asks for, finds a server for each request and moves the bytes. It
// knows nothing of Marathon.
//
// Read in the order of a request's life: proxy.go (the table and its changes), listen.go (a connection comes in), announced.go (if a
// PROXY header says whose it is), tls.go (if it speaks TLS; what certificates there are is in certs.go and the files whose names begin
// so, those of clients in clientcert.go), engine.go (which of two engines serves it), request.go and decide.go (where does it go),
// attempt.go (to which server), headers.go (what is changed on the way), compress.go (which answers are compressed), failure.go
// and respond.go (what if it fails), crowd.go and memory.go (what if there is too much of it), exchange.go (what is counted), log.go (what
// is said). Beside that life, check.go, visit.go, probe.go and recheck.go find out which servers are well; explain.go tells what would
// become of a request, and hindered.go which ports take nobody.
//
// The engine on Go's HTTP library is in nethttp.go, body.go, upstream.go, tcp.go, tunnel.go and conn.go. That of event loops begins in
// loop_engine.go (all of them) and loop.go (one). A request passes loop_accept, loop_announced, loop_client (its head is read), loop_trip (it
// begins), loop_head (its new head), loop_server and loop_pool (a connection), loop_upload, loop_download, loop_compress and loop_tunnel (the
// bytes), loop_end.
// Between these, loop_advance says whose turn it is; loop_conn, loop_buffers, loop_timeouts, loop_mailbox and loop_sys are the tools.
//
// decide, attempt, headers and failure are pure: they hold all policy, so that engines have no opinions of their own.
package proxy
