package h1_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"marathon-lb/internal/h1"
)

// pieces cuts raw anywhere, any number of times.
func pieces(t *rapid.T, raw string) (cut []string) {
	for len(raw) > 0 {
		n := rapid.IntRange(1, len(raw)).Draw(t, "piece")
		cut = append(cut, raw[:n])
		raw = raw[n:]
	}
	return cut
}

var (
	token = rapid.StringMatching("[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}")
	text  = rapid.StringMatching("[!-~\u0080-\u024f]([\t -~\u0080-\u024f]{0,40}[!-~\u0080-\u024f])?|")
	space = rapid.StringMatching("[ \t]{0,3}")
)

// Whatever a correct client writes is read as it was meant, however it arrives.
func TestARequestIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		method := rapid.StringMatching("[A-Z]{1,12}").Filter(func(m string) bool { return m != "CONNECT" }).Draw(t, "method")
		path := "/" + rapid.StringMatching("[!-\"$->@-~]{0,60}").Draw(t, "path")
		query := rapid.StringMatching("(\\?[!-\"$-~]{0,60})?").Draw(t, "query")
		name := rapid.StringMatching("[a-z0-9.-]{1,30}(:[0-9]{0,4})?|\\[[0-9a-f:]{2,20}\\](:[0-9]{1,4})?").Draw(t, "host")
		raw := method + " " + path + query + " HTTP/1.1\r\nHost:" + space.Draw(t, "space") + name + space.Draw(t, "space") + "\r\n"
		want, plain := []string{"Host=" + name}, []string{}
		for range rapid.IntRange(0, 20).Draw(t, "fields") {
			name, value := "x-"+token.Draw(t, "name"), text.Draw(t, "value")
			line := name + ":" + space.Draw(t, "space") + value + space.Draw(t, "space") + "\r\n"
			if line == name+": "+value+"\r\n" {
				plain = append(plain, line)
			}
			raw += line
			want = append(want, name+"="+value)
		}
		raw += "\r\n"

		var r h1.Request
		var seen []byte
		for _, piece := range pieces(t, raw) {
			from := len(seen)
			seen = append([]byte(string(seen)), piece...) // a buffer that moves
			n, f := r.Parse(seen, from, &h1.ClientLimits)
			if f != h1.None || n != 0 && n != len(raw) || n == 0 && len(seen) == len(raw) {
				t.Fatalf("%q: %d of %d, %v", seen, n, len(raw), f)
			}
		}
		if string(r.Method) != method || string(r.Path) != path || string(r.Query) != query || string(r.Host) != name {
			t.Fatalf("%q: %s", raw, showRequest(&r))
		}
		var got, lines []string
		for _, f := range r.Fields {
			got = append(got, string(f.Name)+"="+string(f.Value))
			if line := f.Line(); line != nil && string(f.Name) != "Host" {
				lines = append(lines, string(line))
			}
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") || strings.Join(lines, "") != strings.Join(plain, "") {
			t.Fatalf("%q: %q, want %q; lines %q, want %q", raw, got, want, lines, plain)
		}
	})
}

// A control byte that is put anywhere into a good head makes it a fault, or hides nothing: it is never read as another request.
func TestNoControlByteChangesWhatARequestSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.IntRange(0, len(browser)).Draw(t, "at")
		c := rapid.SampledFrom([]byte{0, 1, '\n', 0x0b, 0x0c, '\r', 0x1f, 0x7f}).Draw(t, "byte")
		raw := browser[:at] + string(c) + browser[at:]
		var r h1.Request
		if n, f := r.Parse([]byte(raw), 0, &h1.ClientLimits); n != 0 && n != len(browser) {
			t.Fatalf("%q at %d: %d, %v, %s", c, at, n, f, showRequest(&r))
		}
	})
}

// Whatever is in the chunks, and however they arrive, the content is passed on and nothing else.
func TestAnyContentInAnyChunksComesOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var raw, content, clean, trailers string
		for range rapid.IntRange(0, 6).Draw(t, "chunks") {
			data := string(rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "data"))
			size := fmt.Sprintf(rapid.SampledFrom([]string{"%x", "%X", "%08x", "%016X"}).Draw(t, "form"), len(data))
			raw += size + rapid.StringMatching("(;[\t -~]{0,20})?").Draw(t, "extension") + "\r\n" + data + "\r\n"
			clean += fmt.Sprintf("%x\r\n%s\r\n", len(data), data)
			content += data
		}
		raw += "0\r\n"
		for range rapid.IntRange(0, 4).Draw(t, "trailers") {
			line := token.Draw(t, "name") + ": " + text.Draw(t, "value") + "\r\n"
			raw += rapid.SampledFrom([]string{"", "Content-Length: 7\r\n", "HOST:x\r\n"}).Draw(t, "forbidden") + "x-" + line
			trailers += "x-" + line
		}
		raw += "\r\n"
		next := rapid.StringMatching("(GET / HTTP/1.1\r\n)?").Draw(t, "next")
		for plain, want := range map[bool]string{false: clean + "0\r\n" + trailers + "\r\n", true: content} {
			b := h1.NewBody(h1.Chunked, 0)
			sent, n, done, f := feed(t, &b, plain, pieces(t, raw+next)...)
			if sent != want || n != len(raw) || !done || f != h1.None {
				t.Fatalf("%q, plain %v: %q, %d of %d, %v, %v; want %q", raw, plain, sent, n, len(raw), done, f, want)
			}
		}
	})
}
