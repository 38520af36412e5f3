package h1

// trailer reads the name of a trailer, or the beginning of the body's last line. Trailers stay trailers: none is ever merged into a head.
func (b *Body) trailer(s *sieve) Fault {
	if s.p[s.r] == '\r' {
		return b.expect(s, '\r', atLastLF)
	}
	rest := s.p[s.r:]
	n := span(rest[:min(len(rest), maxTrailerName+1)], tokenChar)
	switch {
	case n > maxTrailerName:
		return BadTrailer
	case n == len(rest):
		return None
	case n == 0 || rest[n] != ':':
		return BadTrailer
	}
	b.drop = forbidden(rest[:n])
	b.state = atTrailerRest
	return b.takeTrailer(s, n+1)
}

// trailerRest reads a trailer's value, as much as there is.
func (b *Body) trailerRest(s *sieve) Fault {
	end := textEnd(s.p, s.r)
	if f := b.takeTrailer(s, end-s.r); f != None || end == len(s.p) {
		return f
	}
	if s.p[end] != '\r' {
		return BadTrailer
	}
	b.state = atTrailerLF
	return b.takeTrailer(s, 1)
}

func (b *Body) trailerLF(s *sieve) Fault {
	if s.p[s.r] != '\n' {
		return BadTrailer
	}
	b.state = atTrailer
	return b.takeTrailer(s, 1)
}

func (b *Body) takeTrailer(s *sieve, n int) Fault {
	if b.trailers += n; b.trailers > maxTrailers {
		return TrailersTooLarge
	}
	s.pass(n, !s.plain && !b.drop)
	return None
}

// noTrailers may not be trailers (RFC 9110, 6.5.1): they frame, route, authenticate, modify or describe a message, and a receiver that
// merges trailers into its head would take them for what its proxy has checked.
var noTrailers = [...]string{
	"age", "authorization", "cache-control", "connection", "content-encoding", "content-length", "content-range", "content-type",
	"cookie", "date", "expect", "expires", "forwarded", "host", "http2-settings", "if-match", "if-modified-since", "if-none-match",
	"if-range", "if-unmodified-since", "keep-alive", "location", "max-forwards", "origin", "pragma", "proxy-authenticate",
	"proxy-authorization", "proxy-connection", "range", "referer", "retry-after", "set-cookie", "te", "trailer", "transfer-encoding", "upgrade",
	"vary", "via", "warning", "www-authenticate",
}

func forbidden(name []byte) bool {
	for _, lower := range noTrailers {
		if EqualFold(name, lower) {
			return true
		}
	}
	return hasPrefixFold(name, "x-forwarded-")
}
