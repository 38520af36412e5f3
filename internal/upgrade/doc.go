// Package upgrade lets a process start its successor, another version of the program as a rule, and hand it the sockets it listens on, so
// that nobody who connects finds nobody there.
//
// Both hold an end of a socket pair and say, in this order:
//
//	successor    want <address>    as often as it likes; the answer is the listening socket, or that there is none
//	successor    ready             it could serve
//	predecessor  go                it may: from here on the predecessor does not change its mind
//	successor    serving           it does, and the predecessor accepts no more
//
// The sockets are the very same in both, and not others on the same port (SO_REUSEPORT): what waits in such a one is lost when it is
// closed. A successor that ends, or takes too long, before it is ready changes nothing.
//
// Read predecessor.go (the running process), then successor.go (the new one).
package upgrade

// variable names, in the successor's environment, the descriptor of its end.
const variable = "PREDECESSOR_FD"

// firstExtra is the descriptor that the first of exec.Cmd's ExtraFiles gets.
const firstExtra = 3

// What is said.
const (
	want    = "want "
	have    = "have"
	none    = "none"
	ready   = "ready"
	goOn    = "go"
	serving = "serving"
)

// longest is more than any of it needs.
const longest = 512
