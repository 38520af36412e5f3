package zdd

import "io"

// ReadServers is for the fuzz test.
func ReadServers(body io.Reader, backend string) (map[string]Server, error) {
	return readServers(body, backend)
}
