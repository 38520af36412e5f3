package marathontest

import "net/http"

// Service ports are given out from this range, lowest free first (--local_port_min, --local_port_max).
const (
	localPortMin = 10000
	localPortMax = 20000
)

// assignServicePorts replaces service ports 0 of a by free ones: first those the app had before, then the lowest that no other has.
func assignServicePorts(a, before *App, others map[string]*App) *Error {
	taken := map[int]bool{}
	for id, other := range others {
		if id != a.ID && other != nil {
			for _, p := range other.servicePortNumbers() {
				taken[p] = true
			}
		}
	}
	for _, p := range a.servicePortNumbers() {
		taken[p] = true
	}
	var candidates []int
	if before != nil {
		candidates = before.servicePortNumbers()
	}
	for p := localPortMin; p <= localPortMax; p++ {
		candidates = append(candidates, p)
	}
	for _, p := range a.servicePorts() {
		if *p != 0 {
			continue
		}
		for len(candidates) > 0 && (candidates[0] == 0 || taken[candidates[0]]) {
			candidates = candidates[1:]
		}
		if len(candidates) == 0 {
			return &Error{Status: http.StatusUnprocessableEntity, Message: "no service port is free"}
		}
		*p, taken[candidates[0]] = candidates[0], true
	}
	return nil
}
