package marathon

import (
	"crypto/sha1"
	"encoding/binary"
	"strconv"
)

// autoPorts gives service ports to apps in container mode for which Marathon has none (marathon-lb.md 3.3). A port depends on the
// app's id and the task's port, and only where two of them clash on the others there are.
type autoPorts struct {
	min, max int // of the range, 0 for none to give
	given    map[autoKey]int
	used     map[int]bool
}

// autoKey is what a port is given to.
type autoKey struct {
	app      string
	taskPort int
}

// mostHashes is how many are tried before the lowest free port is taken.
const mostHashes = 50

// newAutoPorts has a range both ends of which can be given.
func newAutoPorts(low, high int) *autoPorts {
	return &autoPorts{min: low, max: high, given: map[autoKey]int{}, used: map[int]bool{}}
}

// port is the port of an app's task port, 0 if all are taken.
func (p *autoPorts) port(k autoKey) int {
	if port, known := p.given[k]; known {
		return port
	}
	port := 0
	if len(p.given) < p.size() {
		port = p.free(k)
		p.used[port] = true
	}
	p.given[k] = port
	return port
}

func (p *autoPorts) size() int {
	if p.max == 0 {
		return 0
	}
	return p.max - p.min + 1
}

func (p *autoPorts) free(k autoKey) int {
	for i := range mostHashes {
		sum := sha1.Sum([]byte(k.app + "-" + strconv.Itoa(k.taskPort) + "-" + strconv.Itoa(i)))
		port := p.min + int(binary.BigEndian.Uint32(sum[:4])%uint32(p.size()))
		if !p.used[port] {
			return port
		}
	}
	port := p.min
	for p.used[port] {
		port++
	}
	return port
}

// autoWants are the task ports of an app that needs service ports given, nil if it has some.
func (a *App) autoWants() []int {
	if a.networking() != containerMode {
		return nil
	}
	ports := a.servicePorts()
	for _, port := range ports {
		if port != 0 {
			return nil
		}
	}
	wants := make([]int, len(ports))
	for i := range ports {
		wants[i] = a.portOf(&Task{}, i)
	}
	return wants
}
