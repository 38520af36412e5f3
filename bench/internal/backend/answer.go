//go:build linux

package backend

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"strings"
)

// Big is the body of /big.
const Big = 100 << 20

var (
	small    = canned(128, 128)
	medium   = canned(64<<10, 64<<10)
	big      = canned(Big, 0) // the body follows as filling
	notFound = []byte("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	filling  = bytes.Repeat([]byte("y"), 256<<10)
)

// canned is an answer that announces so many bytes and has the first of them.
func canned(size, have int) []byte {
	return []byte(fmt.Sprintf("HTTP/1.1 200 OK\r\nServer: backend\r\nDate: Sun, 22 Nov 2026 08:00:00 GMT\r\nContent-Type: application/json\r\n"+
		"Cache-Control: no-cache\r\nContent-Length: %d\r\n\r\n", size) + strings.Repeat("x", have))
}

// answer makes the answer to a request without a body; there are no others.
func (c *conn) answer(head []byte) {
	line, fields, _ := bytes.Cut(head, []byte("\r\n"))
	_, target, _ := bytes.Cut(line, []byte(" "))
	path, version, _ := bytes.Cut(target, []byte(" "))
	c.closing = string(version) == "HTTP/1.0"
	key := c.read(fields)
	switch {
	case !bytes.HasPrefix(line, []byte("GET ")):
		c.out, c.closing = notFound, true
	case string(path) == "/128":
		c.out = small
	case string(path) == "/64k":
		c.out = medium
	case string(path) == "/big":
		c.out, c.more = big, Big
	case string(path) == "/ws" && key != nil:
		c.out, c.echo, c.closing = upgrade(key), true, false
	default:
		c.out, c.closing = notFound, true
	}
}

// read takes from the fields whether the connection is to be closed, and the key of a WebSocket.
func (c *conn) read(fields []byte) (key []byte) {
	for len(fields) > 2 {
		line, rest, _ := bytes.Cut(fields, []byte("\r\n"))
		fields = rest
		switch {
		case len(line) == len("connection: close") && line[0]|0x20 == 'c' && bytes.EqualFold(line, []byte("connection: close")):
			c.closing = true
		case len(line) > 18 && line[0]|0x20 == 's' && bytes.EqualFold(line[:18], []byte("sec-websocket-key:")):
			key = bytes.TrimSpace(line[18:])
		}
	}
	return key
}

// upgrade is the answer to the handshake of RFC 6455, 4.2.2.
func upgrade(key []byte) []byte {
	sum := sha1.Sum(append(bytes.Clone(key), "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"...))
	return []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n")
}
