//go:build !linux

package proxy

import (
	"errors"
	"os"
)

// Elsewhere than on Linux, what is in a queue when its port is closed is reset.
func turnAway(uintptr)       {}
func acceptAtOnce(uintptr)   {}
func inQueue(uintptr) uint32 { return 0 }

// fileOf has no use where there are no loops.
func fileOf(uintptr, string) (*os.File, error) { return nil, errors.ErrUnsupported }
