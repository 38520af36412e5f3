package h1

import (
	"math"
	"strconv"
)

const (
	maxExtensions  = 16 << 10 // bytes of chunk extensions in a body: nobody uses them but to make readers work (CVE-2023-39326)
	maxTrailers    = 8 << 10  // bytes of trailers in a body
	maxTrailerName = 256      // what Pass may leave untaken
	maxSizeDigits  = 16
)

// state is what comes next in a chunked body (RFC 9112, 7.1). Every line ends in CRLF and nothing else: whoever forgives more reads
// another body than the next reader (CVE-2025-22871, CVE-2025-55315).
type state uint8

const (
	atSize state = iota
	atSizeRest
	atSizeLF
	atData
	atDataCR
	atDataLF
	atTrailer
	atTrailerRest
	atTrailerLF
	atLastLF
	atEnd
)

// sieve shortens bytes in place: those from r on are still to be looked at, those before w are kept. w is never ahead of r.
type sieve struct {
	p     []byte
	r, w  int
	plain bool
}

// keep keeps the next n bytes.
func (s *sieve) keep(n int) {
	if s.w != s.r {
		copy(s.p[s.w:], s.p[s.r:s.r+n])
	}
	s.w += n
	s.r += n
}

// frame keeps the next n bytes unless the framing is to be taken out.
func (s *sieve) frame(n int) { s.pass(n, !s.plain) }

func (s *sieve) pass(n int, keep bool) {
	if keep {
		s.keep(n)
	} else {
		s.r += n
	}
}

func (b *Body) chunks(p []byte, plain bool) (out []byte, n int, done bool, f Fault) {
	s := sieve{p: p, plain: plain}
	for s.r < len(p) && b.state != atEnd {
		before := s.r
		if b.fault = b.step(&s); b.fault != None {
			return nil, 0, false, b.fault
		}
		if s.r == before {
			break // more of a size or a name is to come
		}
	}
	return p[:s.w], s.r, b.state == atEnd, None
}

// step takes what comes next, as much of it as there is. Where it takes nothing it needs more bytes.
func (b *Body) step(s *sieve) Fault {
	switch b.state {
	case atSize:
		return b.size(s)
	case atSizeRest:
		return b.sizeRest(s)
	case atSizeLF:
		if b.left == 0 {
			return b.expect(s, '\n', atTrailer)
		}
		return b.expect(s, '\n', atData)
	case atData:
		n := int(min(b.left, int64(len(s.p)-s.r)))
		s.keep(n)
		if b.left -= int64(n); b.left == 0 {
			b.state = atDataCR
		}
		return None
	case atDataCR:
		return b.expect(s, '\r', atDataLF)
	case atDataLF:
		return b.expect(s, '\n', atSize)
	case atTrailer:
		return b.trailer(s)
	case atTrailerRest:
		return b.trailerRest(s)
	case atTrailerLF:
		return b.trailerLF(s)
	default:
		return b.expect(s, '\n', atEnd)
	}
}

// expect takes the one byte of framing that may come here.
func (b *Body) expect(s *sieve, c byte, next state) Fault {
	if s.p[s.r] != c {
		return BadChunk
	}
	s.frame(1)
	b.state = next
	return None
}

// size reads the digits of a chunk's size once all of them are there: only then is it certain that the canonical ones fit in their place.
func (b *Body) size(s *sieve) Fault {
	rest := s.p[s.r:]
	n := span(rest[:min(len(rest), maxSizeDigits+1)], hexChar)
	switch {
	case n > maxSizeDigits:
		return BadChunk
	case n == len(rest):
		return None
	case n == 0 || rest[n] != ';' && rest[n] != '\r': // no space either, though RFC 9112 would forgive some before an extension
		return BadChunk
	}
	b.left = 0
	for _, c := range rest[:n] {
		if b.left > math.MaxInt64>>4 {
			return BadChunk
		}
		b.left = b.left<<4 | hexValue(c)
	}
	if !s.plain {
		s.w = len(strconv.AppendUint(s.p[:s.w], uint64(b.left), 16))
	}
	s.r += n
	b.state = atSizeRest
	return None
}

func hexValue(c byte) int64 {
	if class[c]&digitChar != 0 {
		return int64(c - '0')
	}
	return int64(c|0x20-'a') + 10
}

// sizeRest drops what stands between a size and its CRLF.
func (b *Body) sizeRest(s *sieve) Fault {
	end := textEnd(s.p, s.r)
	if b.extensions += end - s.r; b.extensions > maxExtensions {
		return ExtensionsTooLarge
	}
	if s.r = end; end == len(s.p) {
		return None
	}
	return b.expect(s, '\r', atSizeLF)
}
