// Package differential has no code: its test asks HAProxy, with the configuration that internal/haproxy writes, and the proxy the same
// questions. Random apps with random labels are compiled and served by both engines and by HAProxy; random requests, in HTTP/1 and where it is
// offered in HTTP/2 as well, must meet the same
// answer, the same backend and the same head at the server, except as docs/differences.md lists. As that configuration is what we understood of templates, other tests (verbatim_test.go) give HAProxy the
// text of templates itself.
package differential
