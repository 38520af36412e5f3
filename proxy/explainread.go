package proxy

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"marathon-lb/internal/h1"
	"marathon-lb/internal/route"
)

// inquiry is a question about a request, read.
type inquiry struct {
	Request
	scheme  string   // http, https or tcp
	name    string   // the host that the client connects to, without its port
	port    int      // as written, 0 if the scheme's own is meant
	target  string   // path and query, as written
	lines   []string // of the head
	library bool     // Go's HTTP library reads the request
	shown   bool     // a password
	ended   string   // the rule of templates that lets the request not pass
}

// readQuestion finds out what a question asks. What is wrong with the request itself is not for it to say: the engine does.
func readQuestion(q route.Question) (r inquiry, err error) {
	u := q.Address()
	r = inquiry{scheme: u.Scheme, name: route.WithoutPort(u.Host), target: u.Target}
	r.Request = Request{Method: cmp.Or(q.Method, "GET"), Host: u.Host}
	port := u.Host[len(r.name):]
	_, known := schemePorts[u.Scheme]
	switch {
	case strings.ContainsFunc(q.Target, control):
		return r, errors.New("the URL has control characters")
	case !known:
		return r, fmt.Errorf("%q is no scheme that is served: http, https, ws, wss or tcp", u.Scheme)
	case r.name == "":
		return r, errors.New("the URL has no host")
	case u.Scheme == "tcp" && len(port) < 2:
		return r, errors.New("a tcp URL needs a port")
	case !h1.IsToken(r.Method):
		return r, fmt.Errorf("%q is no method", r.Method)
	case len(port) > 1:
		if r.port, err = strconv.Atoi(port[1:]); err != nil || r.port < 1 || r.port > 65535 {
			return r, fmt.Errorf("%q is no port", port[1:])
		}
	}
	if q.From != "" {
		from, err := netip.ParseAddr(q.From)
		if err != nil {
			return r, fmt.Errorf("%q is no IP address of a client", q.From)
		}
		r.Source = netip.AddrPortFrom(from.Unmap(), 0)
	}
	return r, r.write(u, q.Header)
}

// schemePorts are the ports that clients leave out of a Host field.
var schemePorts = map[string]int{"http": 80, "https": 443, "ws": 80, "wss": 443, "tcp": 0}

// control says whether a letter ends a line, or does other things that no line of a head can hold.
func control(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }

// write makes the lines of the head that a client would send for a URL, and for those that are asked for.
func (r *inquiry) write(u route.Address, lines []string) error {
	has := func(name string) bool {
		return slices.ContainsFunc(lines, func(line string) bool {
			before, _, _ := strings.Cut(line, ":")
			return strings.EqualFold(before, name)
		})
	}
	for _, line := range lines {
		if !strings.Contains(line, ":") || strings.ContainsFunc(line, control) {
			return fmt.Errorf("%q is no line of a head: write Name: value", line)
		}
		if name, value, _ := strings.Cut(line, ":"); strings.EqualFold(name, "Host") {
			r.Host = strings.TrimSpace(value)
		}
	}
	if !has("Host") {
		if r.port == schemePorts[u.Scheme] {
			r.Host = r.name
		}
		r.lines = append(r.lines, "Host: "+r.Host)
	}
	r.lines = append(r.lines, lines...)
	if u.User != "" && !has("Authorization") {
		name, password, _ := strings.Cut(u.User, ":")
		r.lines = append(r.lines, "Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte(decoded(name)+":"+decoded(password))))
	}
	if rest, socket := strings.CutPrefix(u.Scheme, "ws"); socket {
		r.scheme = "http" + rest
		if !has("Upgrade") && !has("Connection") {
			r.lines = append(r.lines, "Connection: Upgrade", "Upgrade: websocket")
		}
	}
	return nil
}

// decoded is a part of a URL as clients understand it.
func decoded(part string) string {
	if text, err := url.PathUnescape(part); err == nil {
		return text
	}
	return part
}

// hear has the request read as the engine of the listener reads it, and says what comes of one that cannot be read.
func (r *inquiry) hear() *route.Refusal {
	head := []byte(r.Method + " " + r.target + " HTTP/1.1\r\n" + strings.Join(r.lines, "\r\n") + "\r\n\r\n")
	if r.library {
		return r.hearLibrary(head)
	}
	var in h1.Request
	if _, fault := in.Parse(head, 0, &h1.ClientLimits); fault != h1.None {
		return refused(faultOf(fault), r.unread(fault.Error()))
	}
	r.Method, r.Host, r.Path, r.Query = string(in.Method), string(in.Host), string(in.Path), string(in.Query)
	r.Body = in.Framing != h1.NoBody
	for _, f := range in.Fields {
		r.Fields = append(r.Fields, Field{string(f.Name), string(f.Value)})
	}
	return nil
}

// librarySlop is how much longer than allowed a head may be for Go's library.
const librarySlop = 4 << 10

// hearLibrary is hear where Go's library reads, which accepts what h1 does not, and the other way round.
func (r *inquiry) hearLibrary(head []byte) *route.Refusal {
	in, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	switch {
	case len(head) > mostHead+librarySlop:
		return refused(HeadTooLarge, h1.HeadTooLarge.Error())
	case err != nil && strings.Contains(err.Error(), "transfer encoding"): // which the library's server knows by a type of its own
		return refused(UnknownCoding, err.Error())
	case err != nil:
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err
		}
		return refused(BadRequest, r.unread(err.Error()))
	case strings.Trim(in.Host, libraryHost) != "":
		return refused(BadRequest, h1.BadHost.Error())
	}
	for name := range in.Header {
		if !h1.IsToken(name) {
			return refused(BadRequest, h1.BadField.Error())
		}
	}
	c := &clientConn{source: r.Source, local: r.Local}
	if r.TLS {
		c.wire = new(wire)
		if _, err := netip.ParseAddr(r.name); err != nil { // nobody asks for an address by SNI
			c.serverName = r.name
		}
	}
	r.Request = requestOf(in, c)
	return nil
}

// libraryHost is what Go's HTTP server lets a Host field consist of.
const libraryHost = "!$%&'()*+,-.:;=[]_~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// unread is why a request cannot be read; where its URL has what browsers do not send as it is, with what they send.
func (r *inquiry) unread(why string) string {
	var b strings.Builder
	for i := range len(r.target) {
		if c := r.target[i]; c <= ' ' || c >= 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	if b.String() != r.target {
		why += "; browsers would ask for " + b.String()
	}
	return why
}
