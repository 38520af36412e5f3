// Package load is the bench's generator: one epoll loop that plays many clients and counts what they see. Read spec.go (what is
// asked for, what is told), generator.go (the loop), conn.go (one client), idle.go (clients that only stay).
package load
