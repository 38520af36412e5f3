package proxyheader_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"net/netip"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"marathon-lb/internal/proxyheader"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const sign = "\r\n\r\n\x00\r\nQUIT\n"

var (
	v4 = []byte{192, 0, 2, 1, 198, 51, 100, 2, 0x30, 0x39, 0x01, 0xbb}
	v6 = append(append(netip.MustParseAddr("2001:db8::1").AsSlice(), netip.MustParseAddr("2001:db8::2").AsSlice()...), 0x30, 0x39, 0x01, 0xbb)
)

// version2 is a binary header.
func version2(command, kind byte, rest ...[]byte) string {
	all := bytes.Join(rest, nil)
	return sign + string([]byte{command, kind, byte(len(all) >> 8), byte(len(all))}) + string(all)
}

func extension(kind byte, value string) []byte {
	return append([]byte{kind, byte(len(value) >> 8), byte(len(value))}, value...)
}

// summed is a header whose extension of a checksum has it right.
func summed() string {
	b := []byte(version2(0x21, 0x11, v4, extension(3, "\x00\x00\x00\x00"), extension(1, "h2")))
	binary.BigEndian.PutUint32(b[31:], crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	return string(b)
}

var good = []struct{ header, from, to string }{
	{"PROXY TCP4 192.0.2.1 198.51.100.2 12345 443\r\n", "192.0.2.1:12345", "198.51.100.2:443"},
	{"PROXY TCP4 255.255.255.255 255.255.255.255 65535 0\r\n", "255.255.255.255:65535", "255.255.255.255:0"},
	{"PROXY TCP6 2001:DB8::1 2001:db8:0:0:0:0:0:2 12345 443\r\n", "[2001:db8::1]:12345", "[2001:db8::2]:443"},
	{"PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", "192.0.2.1:1", "[::1]:2"},
	{"PROXY UNKNOWN\r\n", "", ""},
	{"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", "", ""},
	{version2(0x21, 0x11, v4), "192.0.2.1:12345", "198.51.100.2:443"},
	{version2(0x21, 0x21, v6), "[2001:db8::1]:12345", "[2001:db8::2]:443"},
	{version2(0x21, 0x11, v4, extension(4, ""), extension(2, "a.example")), "192.0.2.1:12345", "198.51.100.2:443"},
	{summed(), "192.0.2.1:12345", "198.51.100.2:443"},
	{version2(0x20, 0x00), "", ""},
	{version2(0x20, 0x11, v4), "", ""},
	{version2(0x20, 0xff, []byte("anything")), "", ""},
	{version2(0x21, 0x00), "", ""},
	{version2(0x21, 0x00, extension(4, "xx")), "", ""},
	{version2(0x21, 0x12, v4), "", ""},
	{version2(0x21, 0x31, make([]byte, 216)), "", ""},
}

func TestAHeaderSaysWhoTheClientIs(t *testing.T) {
	for _, c := range good {
		for _, behind := range []string{"", "GET / HTTP/1.1\r\n\r\n", c.header} {
			h, n, err := proxyheader.Read([]byte(c.header + behind))
			text := func(a netip.AddrPort) string {
				if !a.IsValid() {
					return ""
				}
				return a.String()
			}
			if err != nil || n != len(c.header) || text(h.From) != c.from || text(h.To) != c.to {
				t.Errorf("%q: got %v, %d of %d bytes, %v", c.header, h, n, len(c.header), err)
			}
		}
	}
}

func TestAHeaderThatIsNotWholeIsWaitedFor(t *testing.T) {
	for _, c := range good {
		for i := range len(c.header) {
			if h, n, err := proxyheader.Read([]byte(c.header[:i])); n != 0 || err != nil || h != (proxyheader.Header{}) {
				t.Errorf("%q: got %v, %d, %v", c.header[:i], h, n, err)
			}
		}
	}
}

func TestWhatIsNoHeaderIsRefused(t *testing.T) {
	wrong := []byte(summed())
	wrong[len(wrong)-1]++
	for text, want := range map[string]error{
		"GET / HTTP/1.1\r\n":                                                    proxyheader.ErrMissing,
		"proxy TCP4 192.0.2.1 198.51.100.2 1 2\r\n":                             proxyheader.ErrMissing,
		"\r\n\r\n\x00\r\nQUIS":                                                  proxyheader.ErrMissing,
		"\x16\x03\x01":                                                          proxyheader.ErrMissing,
		"PROXY TCP4 192.0.2.1 198.51.100.2 1 2\n":                               proxyheader.ErrLine,
		"PROXY  TCP4 192.0.2.1 198.51.100.2 1 2\r\n":                            proxyheader.ErrLine,
		"PROXY TCP4 192.0.2.1 198.51.100.2 1 2 \r\n":                            proxyheader.ErrLine,
		"PROXY TCP4 192.0.2.1 198.51.100.2 1\r\n":                               proxyheader.ErrLine,
		"PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n":                            proxyheader.ErrLine,
		"PROXY TCP4 192.0.2.1 198.51.100.2 +1 2\r\n":                            proxyheader.ErrLine,
		"PROXY TCP4 192.0.2.1 198.51.100.2 1 65536\r\n":                         proxyheader.ErrLine,
		"PROXY TCP4 192.0.2.01 198.51.100.2 1 2\r\n":                            proxyheader.ErrLine,
		"PROXY TCP4 192.0.2.256 198.51.100.2 1 2\r\n":                           proxyheader.ErrLine,
		"PROXY TCP4 ::1 ::1 1 2\r\n":                                            proxyheader.ErrLine,
		"PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n":                             proxyheader.ErrLine,
		"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n":                                   proxyheader.ErrLine,
		"PROXY TCP5 192.0.2.1 198.51.100.2 1 2\r\n":                             proxyheader.ErrLine,
		"PROXY UDP4 192.0.2.1 198.51.100.2 1 2\r\n":                             proxyheader.ErrLine,
		"PROXY UNKNOWN2\r\n":                                                    proxyheader.ErrLine,
		"PROXY UNKNOWN a\nb\r\n":                                                proxyheader.ErrLine, // as in pieces
		"PROXY \r\n":                                                            proxyheader.ErrLine,
		"PROXY UNKNOWN " + strings.Repeat("x", 92) + "\r\n":                     proxyheader.ErrTooLong,
		"PROXY UNKNOWN " + strings.Repeat("x", 200):                             proxyheader.ErrTooLong,
		version2(0x11, 0x11, v4):                                                proxyheader.ErrBinary,
		version2(0x31, 0x11, v4):                                                proxyheader.ErrBinary,
		version2(0x22, 0x11, v4):                                                proxyheader.ErrBinary,
		version2(0x21, 0x11, v4[:11]):                                           proxyheader.ErrBinary,
		version2(0x21, 0x21, v6[:35]):                                           proxyheader.ErrBinary,
		version2(0x21, 0x31, v4):                                                proxyheader.ErrBinary,
		version2(0x21, 0x41, v6):                                                proxyheader.ErrBinary,
		version2(0x21, 0x10, v4):                                                proxyheader.ErrBinary,
		version2(0x21, 0x13, v4):                                                proxyheader.ErrBinary,
		version2(0x21, 0x11, v4, []byte{1, 0}):                                  proxyheader.ErrBinary,
		version2(0x21, 0x11, v4, []byte{1, 0, 2, 'x'}):                          proxyheader.ErrBinary,
		version2(0x21, 0x11, v4, extension(3, "123")):                           proxyheader.ErrBinary,
		version2(0x21, 0x11, v4, extension(3, "1234")):                          proxyheader.ErrChecksum,
		string(wrong):                                                           proxyheader.ErrChecksum,
		sign + "\x21\x11\xff\xff":                                               proxyheader.ErrTooLong,
		version2(0x20, 0x00, make([]byte, proxyheader.MostBytes+1-len(sign)-4)): proxyheader.ErrTooLong,
	} {
		if h, n, err := proxyheader.Read([]byte(text)); !errors.Is(err, want) || n != 0 || h != (proxyheader.Header{}) {
			t.Errorf("%.60q: got %v, %d, %v, want %v", text, h, n, err, want)
		}
	}
}

// Whatever comes: what is said of a beginning holds for the whole, and a header is said to be no longer than what there is.
func FuzzABeginningIsReadAsTheWholeIs(f *testing.F) {
	for _, c := range good {
		f.Add([]byte(c.header+"GET"), uint16(7))
		f.Add([]byte(c.header), uint16(20))
	}
	f.Fuzz(func(t *testing.T, b []byte, at uint16) {
		h, n, err := proxyheader.Read(b)
		if n < 0 || n > len(b) || n > proxyheader.MostBytes || err != nil && n != 0 || (err != nil || n == 0) && h != (proxyheader.Header{}) ||
			h.From.IsValid() != h.To.IsValid() || h.From.Addr().Is4In6() || h.From.Addr().Zone() != "" {
			t.Fatalf("%q: got %v, %d, %v", b, h, n, err)
		}
		part := b[:min(int(at), len(b))]
		switch early, m, earlyErr := proxyheader.Read(part); {
		case earlyErr != nil && err == nil:
			t.Fatalf("%q is refused (%v), the whole %q is not", part, earlyErr, b)
		case m > 0 && (err != nil || m != n || early != h):
			t.Fatalf("%q: got %v, %d; the whole %q: %v, %d, %v", part, early, m, b, h, n, err)
		case len(b) > proxyheader.MostBytes && n == 0 && err == nil:
			t.Fatalf("%d bytes, and still no end", len(b))
		}
	})
}
