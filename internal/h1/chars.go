package h1

import (
	"encoding/binary"
	"math/bits"
)

// What a byte may be part of.
const (
	tokenChar  = 1 << iota // RFC 9110, 5.6.2
	targetChar             // 0x21 to 0x7E but "#": a fragment is not for servers (RFC 9112, 3.2)
	nameChar               // a host's name without its percent-encodings: unreserved and sub-delims (RFC 3986, 3.2.2)
	hexChar
	digitChar
)

const (
	digits  = "0123456789"
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

var class = classes()

func classes() (c [256]uint8) {
	add := func(kind uint8, chars string) {
		for i := range len(chars) {
			c[chars[i]] |= kind
		}
	}
	add(tokenChar, "!#$%&'*+-.^_`|~"+digits+letters)
	add(nameChar, "-._~!$&'()*+,;="+digits+letters)
	add(hexChar, digits+"abcdefABCDEF")
	add(digitChar, digits)
	for b := byte(0x21); b <= 0x7E; b++ {
		if b != '#' {
			c[b] |= targetChar
		}
	}
	return c
}

// span is how many bytes from b's beginning on are all of one kind.
func span(b []byte, kind uint8) int {
	for i, c := range b {
		if class[c]&kind == 0 {
			return i
		}
	}
	return len(b)
}

// IsToken says whether s is a name as fields and methods have (RFC 9110, 5.6.2).
func IsToken(s string) bool { return s != "" && span([]byte(s), tokenChar) == len(s) }

// textEnd is where the first control byte other than tab lies, from i on; len(b) if there is none. It finds the end of a line and
// whatever must not be in one in a single look, eight bytes at a time.
func textEnd(b []byte, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	rest := b[i:]
	for len(rest) >= 8 {
		x := binary.LittleEndian.Uint64(rest)
		del := x ^ ones*0x7F
		// A byte's high bit is set where it is below 0x20, or 0x7F. A borrow can set it wrongly only above a byte where it is set
		// rightly, so that the lowest one is always right.
		found := ((x-ones*0x20)&^x | (del-ones)&^del) & highs
		if found == 0 {
			rest = rest[8:]
			continue
		}
		at := bits.TrailingZeros64(found) / 8
		if rest[at] != '\t' {
			return len(b) - len(rest) + at
		}
		rest = rest[at+1:]
	}
	for at, c := range rest {
		if c < 0x20 && c != '\t' || c == 0x7F {
			return len(b) - len(rest) + at
		}
	}
	return len(b)
}

// trim takes the optional white space off both ends (RFC 9110, 5.6.3).
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// EqualFold says whether b is the ASCII word lower, which is in lower case, without regard to b's case.
func EqualFold(b []byte, lower string) bool {
	return len(b) == len(lower) && hasPrefixFold(b, lower)
}

func hasPrefixFold(b []byte, lower string) bool {
	if len(b) < len(lower) {
		return false
	}
	for i := range len(lower) {
		c := b[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// HasToken says whether a comma-separated list has the token lower, which is in lower case (RFC 9110, 5.6.1).
func HasToken(list []byte, lower string) bool {
	for len(list) > 0 {
		var token []byte
		if token, list = cutToken(list); EqualFold(token, lower) {
			return true
		}
	}
	return false
}

// cutToken takes the first element off a comma-separated list.
func cutToken(list []byte) (token, rest []byte) {
	for i, c := range list {
		if c == ',' {
			return trim(list[:i]), list[i+1:]
		}
	}
	return trim(list), nil
}
