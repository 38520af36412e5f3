package differential_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strconv"
	"strings"
	"testing"

	"marathon-lb/internal/testkit"
)

// seen is a request as a server got it.
type seen struct {
	Server string // its address
	Line   string
	Fields [][2]string
	Body   string
}

// startServers opens so many servers that tell in a field of each answer what they got, and gives their ports.
func startServers(t *testing.T, n int) []int {
	var ports []int
	for range n {
		ports = append(ports, int(testkit.Serve(t, serveEcho).Port()))
	}
	return ports
}

// serveEcho answers requests until the connection ends. What a request's fields Want-Status, Want-Location, and Want-Field ask for, its
// answer has.
func serveEcho(c net.Conn) {
	in := bufio.NewReader(c)
	for {
		s, err := readSeen(in)
		if err != nil {
			return
		}
		s.Server = c.LocalAddr().String()
		told, err := json.Marshal(s)
		if err != nil {
			return
		}
		status, extra := "200", ""
		for _, f := range s.Fields {
			switch strings.ToLower(f[0]) {
			case "want-status":
				status = f[1]
			case "want-location":
				extra += "Location: " + f[1] + "\r\n"
			case "want-field":
				extra += f[1] + "\r\n"
			}
		}
		body := "ok"
		if strings.HasPrefix(s.Line, "HEAD ") || status == "304" || status == "204" {
			body = ""
		}
		if !strings.Contains(extra, "Content-Type:") {
			extra += "Content-Type: text/plain\r\n"
		}
		head := fmt.Sprintf("HTTP/1.1 %s Fine\r\nX-Seen: %s\r\n%sContent-Length: %d\r\n\r\n", status, strconv.QuoteToASCII(string(told)), extra, len(body))
		if _, err := io.WriteString(c, head+body); err != nil {
			return
		}
	}
}

func readSeen(in *bufio.Reader) (s seen, err error) {
	line := func() string {
		var text string
		if err == nil {
			text, err = in.ReadString('\n')
		}
		return strings.TrimRight(text, "\r\n")
	}
	s.Line = line()
	length, chunked := 0, false
	for f := line(); f != "" && err == nil; f = line() {
		name, value, _ := strings.Cut(f, ":")
		value = strings.TrimSpace(value)
		s.Fields = append(s.Fields, [2]string{name, value})
		switch strings.ToLower(name) {
		case "content-length":
			length, err = strconv.Atoi(value)
		case "transfer-encoding":
			chunked = true
		}
	}
	if err != nil {
		return s, err
	}
	var body []byte
	if chunked {
		body, err = io.ReadAll(httputil.NewChunkedReader(in))
		line() // the end of the trailer section, which is empty
	} else {
		body = make([]byte, length)
		_, err = io.ReadFull(in, body)
	}
	s.Body = string(body)
	return s, err
}
