package h1_test

import (
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"marathon-lb/internal/h1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// parser is what requests and answers have in common here: what came of the bytes, and how it looks.
type parser func(b []byte, from int) (n int, f h1.Fault, text string)

func requests(l h1.Limits) parser {
	var r h1.Request
	return func(b []byte, from int) (int, h1.Fault, string) {
		n, f := r.Parse(b, from, &l)
		if n == 0 {
			return n, f, ""
		}
		return n, f, showRequest(&r)
	}
}

func responses(to h1.To) parser {
	var r h1.Response
	return func(b []byte, from int) (int, h1.Fault, string) {
		n, f := r.Parse(b, from, &h1.ServerLimits, to)
		if n == 0 {
			return n, f, ""
		}
		return n, f, showResponse(&r)
	}
}

func showRequest(r *h1.Request) string {
	return fmt.Sprintf("%s %s %s %s %s 1.%d", r.Method, r.Target, r.Path, r.Query, r.Host, r.Minor) +
		showRest(r.Fields, r.Framing, r.Length, "keep", r.KeepAlive, "expect", r.Expect, "upgrade", r.Upgrade, "trailers", r.Trailers)
}

func showResponse(r *h1.Response) string {
	return fmt.Sprintf("1.%d %d %s", r.Minor, r.Status, r.Reason) +
		showRest(r.Fields, r.Framing, r.Length, "keep", r.KeepAlive, "upgrade", r.Upgrade)
}

func showRest(fields []h1.Field, framing h1.Framing, length int64, marks ...any) string {
	s := fmt.Sprintf(" [%s %d", [...]string{"none", "length", "chunked", "close"}[framing], length)
	for i := 0; i < len(marks); i += 2 {
		if marks[i+1].(bool) {
			s += " " + marks[i].(string)
		}
	}
	s += "]"
	for _, f := range fields {
		s += fmt.Sprintf(" %s=%q", f.Name, f.Value)
	}
	return s
}

// everySplit reads raw whole, then in two pieces for each place to cut it, then byte by byte, and wants the same each time. What it
// returns came of the whole.
func everySplit(t testing.TB, parse parser, raw string) (n int, f h1.Fault, text string) {
	t.Helper()
	n, f, text = parse([]byte(raw), 0)
	check := func(how string, n2 int, f2 h1.Fault, text2 string) {
		t.Helper()
		if n2 != n || f2 != f || text2 != text {
			t.Fatalf("%s: %d, %v, %s; whole: %d, %v, %s; of %q", how, n2, f2, text2, n, f, text, raw)
		}
	}
	for cut := range len(raw) {
		n2, f2, text2 := parse([]byte(raw[:cut]), 0)
		if n2 == 0 && f2 == h1.None {
			n2, f2, text2 = parse([]byte(raw), cut)
		}
		check(fmt.Sprint("cut at ", cut), n2, f2, text2)
	}
	if n2, f2, text2, at := byteByByte(parse, raw); at > 0 {
		check("byte by byte", n2, f2, text2)
		if n > 0 && at != n {
			t.Fatalf("head of %d bytes was whole after %d of %q", n, at, raw)
		}
	}
	return n, f, text
}

// byteByByte returns what came of raw and after how many bytes. Each step gets a buffer of its own: old slices may not be used.
func byteByByte(parse parser, raw string) (n int, f h1.Fault, text string, at int) {
	for at = 1; at <= len(raw); at++ {
		if n, f, text = parse([]byte(raw[:at]), at-1); n > 0 || f != h1.None {
			return n, f, text, at
		}
	}
	return 0, h1.None, "", len(raw)
}

// failer is a test, of testing or of rapid.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// crlf writes lines as a head: a line of the test is one of the head.
func crlf(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n\r\n" }
