// Package proxyheader reads the header of the PROXY protocol, by which a proxy in front says whose connection it passes on: both versions,
// by HAProxy's document (proxy-protocol.txt), strictly and over bytes. It does no I/O.
package proxyheader

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"net/netip"
	"strconv"
	"strings"
)

// Header is what a header says. Where it names nobody, as in a proxy's own health checks, the connection's real ends count.
type Header struct {
	From netip.AddrPort // the client's end, invalid if it names nobody
	To   netip.AddrPort // the end that the client meant
}

// MostBytes bounds a header, extensions included: it is what HAProxy's buffer has room for.
const MostBytes = 16 << 10

// What is wrong with a header. The connection is to be closed then, and nothing on it served.
var (
	ErrMissing  = errors.New("the connection does not begin with a PROXY header")
	ErrLine     = errors.New("the line of the PROXY header is not as it has to be")
	ErrBinary   = errors.New("the binary PROXY header is not as it has to be")
	ErrTooLong  = errors.New("the PROXY header is too long")
	ErrChecksum = errors.New("the checksum of the PROXY header is wrong")
)

const (
	lineSign   = "PROXY "
	binarySign = "\r\n\r\n\x00\r\nQUIT\n"
	mostLine   = 107 // with its end
)

// Read reads the header that b begins with and says how long it is: 0 if there is more to come of it.
func Read(b []byte) (h Header, n int, err error) {
	switch {
	case begins(b, lineSign):
		return readLine(b)
	case begins(b, binarySign):
		return readBinary(b)
	}
	return h, 0, ErrMissing
}

// begins says that b begins with the sign, or may still come to.
func begins(b []byte, sign string) bool {
	return bytes.HasPrefix(b, []byte(sign[:min(len(b), len(sign))]))
}

// readLine reads version 1: one line of text.
func readLine(b []byte) (h Header, n int, err error) {
	end := bytes.IndexByte(b[:min(len(b), mostLine)], '\n')
	switch {
	case end < 0 && len(b) >= mostLine:
		return h, 0, ErrTooLong
	case end < 0:
		return h, 0, nil
	case b[end-1] != '\r': // it ends otherwise than it has to
		return h, 0, ErrLine
	}
	n = end + 1
	words := strings.Split(string(b[len(lineSign):end-1]), " ")
	if words[0] == "UNKNOWN" { // whatever follows
		return h, n, nil
	}
	if len(words) != 5 {
		return h, 0, ErrLine
	}
	from, ok1 := addrPort(words[0], words[1], words[3])
	to, ok2 := addrPort(words[0], words[2], words[4])
	if !ok1 || !ok2 {
		return h, 0, ErrLine
	}
	return Header{From: from, To: to}, n, nil
}

// addrPort reads an address of the family that the line names.
func addrPort(family, addr, port string) (netip.AddrPort, bool) {
	a, err := netip.ParseAddr(addr)
	p, perr := strconv.ParseUint(port, 10, 16)
	if err != nil || perr != nil || a.Zone() != "" || strconv.FormatUint(p, 10) != port { // no sign, no leading zero
		return netip.AddrPort{}, false
	}
	if family == "TCP4" && a.Is4() || family == "TCP6" && a.Is6() {
		return netip.AddrPortFrom(a.Unmap(), uint16(p)), true
	}
	return netip.AddrPort{}, false
}

// Commands, and kinds of what follows: family and protocol.
const (
	version2   = 0x20
	local      = 0x0
	passed     = 0x1
	tcp4       = 0x11
	tcp6       = 0x21
	fixed      = len(binarySign) + 4
	checksum   = 0x03 // an extension
	sizeOfTCP4 = 12
	sizeOfTCP6 = 36
)

// kinds are the others there are, by the least that has to follow. They name no client of ours.
var kinds = map[byte]int{0x00: 0, 0x12: sizeOfTCP4, 0x22: sizeOfTCP6, 0x31: 216, 0x32: 216}

// readBinary reads version 2.
func readBinary(b []byte) (h Header, n int, err error) {
	if len(b) < fixed {
		return h, 0, nil
	}
	command, kind, n := b[12], b[13], fixed+int(binary.BigEndian.Uint16(b[14:]))
	least, known := kinds[kind]
	switch {
	case command&0xf0 != version2 || command&0xf > passed:
		return h, 0, ErrBinary
	case n > MostBytes:
		return h, 0, ErrTooLong
	case command&0xf == local: // the proxy itself: whatever follows
		return h, cut(b, n), nil
	case kind == tcp4:
		least = sizeOfTCP4
	case kind == tcp6:
		least = sizeOfTCP6
	case !known:
		return h, 0, ErrBinary
	}
	if n < fixed+least {
		return h, 0, ErrBinary
	}
	if len(b) < n {
		return h, 0, nil
	}
	if err := readExtensions(b[:n], fixed+least); err != nil {
		return h, 0, err
	}
	return addresses(kind, b[fixed:]), n, nil
}

// cut is n if all of it is there, else 0.
func cut(b []byte, n int) int {
	if len(b) < n {
		return 0
	}
	return n
}

// addresses are those of a binary header.
func addresses(kind byte, b []byte) (h Header) {
	size := 0
	switch kind {
	case tcp4:
		size = 4
	case tcp6:
		size = 16
	default:
		return h
	}
	end := func(i int) netip.AddrPort {
		a, _ := netip.AddrFromSlice(b[i*size : (i+1)*size]) // its length is right
		return netip.AddrPortFrom(a.Unmap(), binary.BigEndian.Uint16(b[2*size+2*i:]))
	}
	return Header{From: end(0), To: end(1)}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// readExtensions looks at what follows the addresses: each has a type, a length, a value. A checksum, if there is one, has to be right.
func readExtensions(header []byte, at int) error {
	for at < len(header) {
		if len(header)-at < 3 {
			return ErrBinary
		}
		value := at + 3
		next := value + int(binary.BigEndian.Uint16(header[at+1:]))
		if next > len(header) {
			return ErrBinary
		}
		if header[at] == checksum {
			if next-value != 4 {
				return ErrBinary
			}
			sum := crc32.Update(0, castagnoli, header[:value])
			sum = crc32.Update(sum, castagnoli, make([]byte, 4)) // it counts as zero
			if sum = crc32.Update(sum, castagnoli, header[next:]); sum != binary.BigEndian.Uint32(header[value:]) {
				return ErrChecksum
			}
		}
		at = next
	}
	return nil
}
