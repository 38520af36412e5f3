package h1_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"marathon-lb/internal/h1"
)

// feed passes pieces on as an event loop would: what is left untaken stays in front of the next piece. It returns all that is to be sent, how
// many bytes were taken, and what came of it.
func feed(t failer, b *h1.Body, plain bool, pieces ...string) (sent string, taken int, done bool, f h1.Fault) {
	t.Helper()
	var kept []byte
	for _, piece := range pieces {
		p := append(bytes.Clone(kept), piece...)
		before := bytes.Clone(p)
		out, n, whole, fault := b.Pass(p, plain)
		switch {
		case fault != h1.None && len(out) > 0:
			t.Fatalf("%q: %v, and %q to be sent", before, fault, out)
		case fault != h1.None:
			return sent, taken, false, fault
		case len(out) > n || n > len(p) || len(out) > 0 && &out[0] != &p[0]:
			t.Fatalf("%q: took %d, to send %q", before, n, out)
		case !bytes.Equal(p[n:], before[n:]):
			t.Fatalf("%q: took %d and left %q", before, n, p[n:])
		case !whole && len(p)-n > 256:
			t.Fatalf("%d bytes left untaken", len(p)-n)
		case whole != b.Done():
			t.Fatalf("%q: done %v, then %v", before, whole, b.Done())
		}
		sent += string(out)
		taken += n
		if kept = p[n:]; whole {
			return sent, taken, true, h1.None
		}
	}
	return sent, taken, false, h1.None
}

// everyBodySplit feeds raw whole, in two pieces cut anywhere, and byte by byte, and wants the same each time. What was to be sent before a
// fault may differ: only the end counts then.
func everyBodySplit(t testing.TB, framing h1.Framing, length int64, plain bool, raw string) (sent string, taken int, done bool, f h1.Fault) {
	t.Helper()
	b := h1.NewBody(framing, length)
	sent, taken, done, f = feed(t, &b, plain, raw)
	check := func(how string, pieces ...string) {
		b := h1.NewBody(framing, length)
		s, n, d, g := feed(t, &b, plain, pieces...)
		if g != f || f == h1.None && (s != sent || n != taken || d != done) {
			t.Fatalf("%s: %q, %d, %v, %v; whole: %q, %d, %v, %v; of %q", how, s, n, d, g, sent, taken, done, f, raw)
		}
	}
	for cut := range len(raw) {
		check(fmt.Sprint("cut at ", cut), raw[:cut], raw[cut:])
	}
	check("byte by byte", strings.Split(raw, "")...)
	return sent, taken, done, f
}

func TestChunkedBodiesArePassedOnCanonical(t *testing.T) {
	for _, c := range []struct{ raw, want, plain string }{
		{"0\r\n\r\n", "0\r\n\r\n", ""},
		{"5\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", "hello"},
		{"00005\r\nhello\r\n0000000000000000\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", "hello"},
		{"A\r\n0123456789\r\n000b\r\n0123456789a\r\n0\r\n\r\n", "a\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n\r\n", "01234567890123456789a"},
		{"5;a=b\r\nhello\r\n1;c=\"d;e\"\r\n!\r\n0;\t x\r\n\r\n", "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", "hello!"},
		{"2\r\n\r\n\r\n0\r\n\r\n", "2\r\n\r\n\r\n0\r\n\r\n", "\r\n"},
		{"0\r\nX-Sum: abc\r\nY:\r\n\r\n", "0\r\nX-Sum: abc\r\nY:\r\n\r\n", ""},
		{"1\r\na\r\n0;x\r\nContent-Length: 5\r\nX: y\r\ntransfer-encoding:chunked\r\n\r\n", "1\r\na\r\n0\r\nX: y\r\n\r\n", "a"},
		{"0\r\nHOST: x\r\nX-Forwarded-For: 1.2.3.4\r\nx-forwarded-user: root\r\n\r\n", "0\r\n\r\n", ""},
	} {
		for _, rest := range []string{"", "GET /next HTTP/1.1\r\n", "5;a\r\n"} {
			for plain, want := range map[bool]string{false: c.want, true: c.plain} {
				sent, n, done, f := everyBodySplit(t, h1.Chunked, 0, plain, c.raw+rest)
				if sent != want || n != len(c.raw) || !done || f != h1.None {
					t.Errorf("%q, plain %v: %q, %d, %v, %v", c.raw+rest, plain, sent, n, done, f)
				}
			}
		}
	}
}

func TestChunksWithTwoReadingsAreRefused(t *testing.T) {
	cases := map[h1.Fault][]string{
		h1.BadChunk: {
			"\r\n", ";a\r\n", " 5\r\nhello", "\t5\r\n", "5 \r\nhello", "5 ;a\r\nhello", "+5\r\nhello", "-5\r\n", "0x5\r\nhello", "5_0\r\n", "g\r\n", "5\nhello", "5\rhello", "5\r\rhello", "5,a\r\n",
			"5;a\nhello\r\n", "5;a\rb\r\nhello", "5;a\x00\r\n", "5;\x7f\r\n", "5;a\n\r\nhello", "5;\"\n\"\r\nhello", "\n5\r\n", "5\x00\r\n", "5h\r\n",
			"5\r\nhello0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "5\r\nhello\r0\r\n\r\n", "5\r\nhelloXX0\r\n\r\n", "5\r\nhello\r\n\r\n", "5\r\nhello\n\n", "5\r\nhello!\r\n",
			"8000000000000000\r\n", "ffffffffffffffff\r\n", "10000000000000000\r\n", "00000000000000005\r\nhello", "fffffffffffffffff", "0\n\r\n", "0\r\n\r\r", "0\r\n\rX",
		},
		h1.BadTrailer: {
			"0\r\n\n", "0\r\nA\r\n\r\n", "0\r\nA : b\r\n\r\n", "0\r\n: b\r\n\r\n", "0\r\n A: b\r\n\r\n", "0\r\nA: b\r\n c\r\n\r\n", "0\r\nA: b\n\r\n", "0\r\nA: b\rc\r\n\r\n", "0\r\nA: \x00\r\n\r\n",
			"0\r\nA\x00: b\r\n\r\n", "0\r\nA: b\r\n\n", "0\r\nA: b\r\r\n\r\n", "0\r\nHost: b\nA: c\r\n\r\n", "0\r\n" + strings.Repeat("A", 257) + ": b\r\n\r\n", "0\r\n" + strings.Repeat("A", 300), "0\r\nGET / HTTP/1.1\r\n\r\n",
		},
	}
	for want, raws := range cases {
		for _, raw := range raws {
			for _, plain := range []bool{false, true} {
				for _, before := range []string{"", "3;x\r\nabc\r\n"} {
					if sent, _, done, f := everyBodySplit(t, h1.Chunked, 0, plain, before+raw); f != want || done {
						t.Errorf("%q, plain %v: %q, %v, %v; want %v", before+raw, plain, sent, done, f, want)
					}
				}
			}
		}
	}
}

func TestALargeChunkIsCountedToItsLastByte(t *testing.T) {
	b := h1.NewBody(h1.Chunked, 0)
	if sent, _, done, f := feed(t, &b, false, "7FFFFFFFFFFFFFFF\r\n", "abc"); sent != "7fffffffffffffff\r\nabc" || done || f != h1.None {
		t.Errorf("%q, %v, %v", sent, done, f)
	}
	if f := b.End(); f != h1.Cut {
		t.Errorf("the end within a chunk: %v", f)
	}
}

func TestExtensionsAndTrailersAreBounded(t *testing.T) {
	one := "1;" + strings.Repeat("x", 1023) + "\r\na\r\n" // 1,024 bytes of extension
	for _, c := range []struct {
		raw  string
		want h1.Fault
	}{
		{strings.Repeat(one, 16) + "0\r\n\r\n", h1.None},
		{strings.Repeat(one, 16) + "0;\r\n\r\n", h1.ExtensionsTooLarge},
		{"1;" + strings.Repeat("x", 20<<10), h1.ExtensionsTooLarge},
		{"0\r\nA:" + strings.Repeat("x", 8<<10-4) + "\r\n\r\n", h1.None},
		{"0\r\nA:" + strings.Repeat("x", 8<<10-3) + "\r\n\r\n", h1.TrailersTooLarge},
		{"0\r\n" + strings.Repeat("Host: a\r\n", 1000) + "\r\n", h1.TrailersTooLarge},
		{"0\r\n" + strings.Repeat("A", 256) + ": b\r\n\r\n", h1.None},
	} {
		for _, pieces := range [][]string{{c.raw}, strings.Split(c.raw, "")} {
			b := h1.NewBody(h1.Chunked, 0)
			if _, _, done, f := feed(t, &b, false, pieces...); f != c.want || done != (f == h1.None) {
				t.Errorf("%.40q of %d: %v, %v; want %v", c.raw, len(c.raw), done, f, c.want)
			}
		}
	}
}

func TestABodyOfKnownLengthEndsThere(t *testing.T) {
	sent, n, done, f := everyBodySplit(t, h1.Length, 5, false, "helloGET")
	if sent != "hello" || n != 5 || !done || f != h1.None {
		t.Errorf("%q, %d, %v, %v", sent, n, done, f)
	}
	b := h1.NewBody(h1.Length, 10)
	if _, _, _, _ = feed(t, &b, false, "abc"); b.Left() != 7 || b.Done() {
		t.Errorf("left %d", b.Left())
	}
	b.Skip(6)
	if f := b.End(); f != h1.Cut || b.Left() != 1 {
		t.Errorf("one byte missing: %v, left %d", f, b.Left())
	}
	b = h1.NewBody(h1.Length, 10)
	b.Skip(10)
	if f := b.End(); f != h1.None || !b.Done() {
		t.Errorf("all went past: %v", f)
	}
	b = h1.NewBody(h1.Length, 0)
	if out, n, done, f := b.Pass([]byte("GET"), false); len(out) != 0 || n != 0 || !done || f != h1.None || !b.Done() {
		t.Errorf("an empty body: %q, %d, %v, %v", out, n, done, f)
	}
}

func TestAMessageWithoutABodyTakesNothing(t *testing.T) {
	for _, b := range []h1.Body{{}, h1.NewBody(h1.NoBody, 7)} {
		if out, n, done, f := b.Pass([]byte("GET"), false); len(out) != 0 || n != 0 || !done || f != h1.None || b.Left() != -1 || b.End() != h1.None {
			t.Errorf("%q, %d, %v, %v, left %d", out, n, done, f, b.Left())
		}
	}
}

func TestABodyThatEndsWithTheConnectionIsWholeOnlyThen(t *testing.T) {
	sent, n, done, f := everyBodySplit(t, h1.UntilClose, 0, false, "0\r\n\r\nabc")
	if sent != "0\r\n\r\nabc" || n != 8 || done || f != h1.None {
		t.Errorf("%q, %d, %v, %v", sent, n, done, f)
	}
	b := h1.NewBody(h1.UntilClose, 0)
	if b.Done() || b.End() != h1.None || !b.Done() || b.Left() != -1 {
		t.Errorf("its end is not seen")
	}
}

// A cut body must look cut, wherever the cut is (rule 12).
func TestACutChunkedBodyIsNeverWhole(t *testing.T) {
	const raw = "5;a\r\nhello\r\n0\r\nX: y\r\n\r\n"
	for cut := range len(raw) {
		b := h1.NewBody(h1.Chunked, 0)
		sent, _, done, f := feed(t, &b, false, raw[:cut])
		if done || f != h1.None || b.End() != h1.Cut || b.Done() || strings.HasSuffix(sent, "\r\n\r\n") {
			t.Errorf("cut at %d: %q, %v, %v", cut, sent, done, f)
		}
	}
}

func TestABrokenBodyStaysBroken(t *testing.T) {
	b := h1.NewBody(h1.Chunked, 0)
	for _, p := range []string{"x", "5\r\n"} {
		if out, n, done, f := b.Pass([]byte(p), false); len(out) != 0 || n != 0 || done || f != h1.BadChunk {
			t.Errorf("%q: %q, %d, %v, %v", p, out, n, done, f)
		}
	}
	if f := b.End(); f != h1.BadChunk {
		t.Errorf("at its end: %v", f)
	}
}

func TestChunksWeWriteAreThoseWeRead(t *testing.T) {
	for _, size := range []int{1, 9, 10, 255, 4096} {
		raw := string(h1.AppendChunkHead([]byte("1\r\na\r\n"), size)) + strings.Repeat("x", size) + "\r\n" + h1.LastChunk
		b := h1.NewBody(h1.Chunked, 0)
		if sent, _, done, f := feed(t, &b, false, raw); sent != raw || !done || f != h1.None {
			t.Errorf("%d: %q, %v, %v", size, sent, done, f)
		}
	}
}
