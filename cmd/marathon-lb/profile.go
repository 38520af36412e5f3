package main

import (
	"fmt"
	"os"
	"runtime/pprof"
)

// profile writes down, until stop, where processor time goes; without a file it does nothing.
func profile(file string) (stop func(), err error) {
	if file == "" {
		return func() {}, nil
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, fmt.Errorf("profile of the processor time: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("profile of the processor time: %w", err)
	}
	return func() { pprof.StopCPUProfile(); f.Close() }, nil
}
