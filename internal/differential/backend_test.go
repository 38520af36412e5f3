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
	"sync"
	"testing"
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
	t.Helper()
	var ports []int
	var all sync.WaitGroup
	var listeners []net.Listener
	conns := &openConns{}
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listeners = append(listeners, l)
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
		all.Go(func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				conns.add(c)
				all.Go(func() { defer conns.close(c); serveEcho(c) })
			}
		})
	}
	t.Cleanup(func() {
		for _, l := range listeners {
			l.Close()
		}
		conns.closeAll()
		all.Wait()
	})
	return ports
}

// openConns are connections to be closed in the end.
type openConns struct {
	mu   sync.Mutex
	all  map[net.Conn]bool
	over bool
}

func (o *openConns) add(c net.Conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all == nil {
		o.all = map[net.Conn]bool{}
	}
	if o.over {
		c.Close()
	}
	o.all[c] = true
}

func (o *openConns) close(c net.Conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.all, c)
	c.Close()
}

func (o *openConns) closeAll() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.over = true
	for c := range o.all {
		c.Close()
	}
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
