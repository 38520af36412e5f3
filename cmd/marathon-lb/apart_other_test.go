//go:build !linux

package main

import "testing"

// apart is for Linux.
func apart(t *testing.T, _ *victim) { t.Skip("processors are given to processes on Linux only") }
