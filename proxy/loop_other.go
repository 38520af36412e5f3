//go:build !linux || !(amd64 || arm64)

package proxy

// newLoops is nil where there is no epoll, or nobody has tried ours.
func newLoops(*Proxy) looper { return nil }

// maxLoops is the number of loops.
func maxLoops() int { return 0 }
