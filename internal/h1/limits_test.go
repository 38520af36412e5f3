package h1_test

import (
	"strings"
	"testing"

	"marathon-lb/internal/h1"
)

func TestLimitsHoldToTheByte(t *testing.T) {
	l := h1.Limits{Target: 40, Head: 200, Fields: 3}
	line := "GET / HTTP/1.1\r\nHost: a\r\n"
	sized := func(size int) string { return line + "A: " + strings.Repeat("b", size-len(line)-7) + "\r\n\r\n" }
	for _, c := range []struct {
		raw  string
		want h1.Fault
	}{
		{"GET /" + strings.Repeat("a", 39) + " HTTP/1.1" + host, h1.None},
		{"GET /" + strings.Repeat("a", 40) + " HTTP/1.1" + host, h1.TargetTooLong},
		{"GET /" + strings.Repeat("a", 1000) + " HTTP/1.1" + host, h1.TargetTooLong},
		{"GET /" + strings.Repeat("a", 1000), h1.TargetTooLong},
		{"GET /" + strings.Repeat("\x00", 1000), h1.TargetTooLong},
		{strings.Repeat("A", 1000), h1.BadSyntax},
		{sized(200), h1.None},
		{sized(201), h1.HeadTooLarge},
		{sized(1000), h1.HeadTooLarge},
		{sized(1000)[:200], h1.HeadTooLarge},
		{"\r\n" + sized(199), h1.HeadTooLarge},
		{line + "A:\r\nA:\r\n\r\n", h1.None},
		{line + "A:\r\nA:\r\nA:\r\n\r\n", h1.TooManyFields},
		{line + strings.Repeat("A:\r\n", 90), h1.TooManyFields},
	} {
		if n, f, _ := everySplit(t, requests(l), c.raw); f != c.want || f == h1.None && n != len(c.raw) {
			t.Errorf("%q: %d, %v; want %v", c.raw, n, f, c.want)
		}
	}
	tiny := h1.Limits{Target: 1000, Head: 50, Fields: 3}
	if _, f, _ := everySplit(t, requests(tiny), "GET /"+strings.Repeat("a", 100)); f != h1.HeadTooLarge {
		t.Errorf("a line that fills the head: %v", f)
	}
}

func TestABrokenBeginningIsNotWaitedFor(t *testing.T) {
	for _, raw := range []string{"\x16", "GET\x00", "GET@", " ", "\n", "\rG", "GET / HTTP/1.1\n", "GET a HTTP/1.1\r\n", "GET / HTTP/9.9\r\n", "GET / HTTP/1.1\r\nA\n", "GET / HTTP/1.1\r\nA: b\n"} {
		if _, f, _ := everySplit(t, requests(h1.ClientLimits), raw); f == h1.None {
			t.Errorf("%q: more is waited for", raw)
		}
	}
	for _, raw := range []string{"", "\r", "\r\n", "G", "GET ", "GET /", "GET / HTTP/1.1\r", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nA", "GET / HTTP/1.1\r\nA: b\r", "GET / HTTP/1.1\r\nA: b\r\n\r"} {
		if n, f, _ := everySplit(t, requests(h1.ClientLimits), raw); n != 0 || f != h1.None {
			t.Errorf("%q: %d, %v", raw, n, f)
		}
	}
}
