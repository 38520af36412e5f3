//go:build !linux

package proxy

import (
	"errors"
	"os"
)

// Elsewhere than on Linux, what is in a queue when its port is closed is reset.
func turnAway(uintptr) error         { return errors.ErrUnsupported }
func acceptAtOnce(uintptr)           {}
func inQueue(uintptr) uint32         { return 0 }
func beingMade(map[uint16]bool) bool { return false }

// fileOf has no use where there are no loops.
func fileOf(uintptr, string) (*os.File, error) { return nil, errors.ErrUnsupported }
