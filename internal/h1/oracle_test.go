package h1_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"marathon-lb/internal/h1"
)

// passAll feeds what is behind a head to its body, in two pieces.
func passAll(t failer, framing h1.Framing, length int64, plain bool, rest []byte) (sent string, taken int, done bool, f h1.Fault) {
	t.Helper()
	b := h1.NewBody(framing, length)
	if b.Done() {
		return "", 0, true, h1.None
	}
	sent, taken, done, f = feed(t, &b, plain, string(rest[:len(rest)/2]), string(rest[len(rest)/2:]))
	if f == h1.None && !done && framing == h1.UntilClose {
		done = b.End() == h1.None
	}
	return sent, taken, done, f
}

// requestReadsAsInNetHTTP wants data to be refused, or to be the same request here, there, and once it has been passed on.
func requestReadsAsInNetHTTP(t failer, data []byte, cut uint16) {
	t.Helper()
	n, fault := sameEitherWay(t, requests(h1.ClientLimits), data, cut)
	if n == 0 || fault != h1.None {
		return
	}
	var r h1.Request
	r.Parse(data, 0, &h1.ClientLimits)
	left := bufio.NewReaderSize(bytes.NewReader(bytes.TrimLeft(data, "\r\n")), 64<<10)
	theirs, err := http.ReadRequest(left)
	if err != nil {
		if _, bad := url.ParseRequestURI(string(r.Target)); bad == nil && !strings.Contains(err.Error(), "bad trailer key") {
			t.Fatalf("%q: there %v", data[:n], err)
		}
	} else {
		if theirs.Method != string(r.Method) || theirs.RequestURI != string(r.Target) || theirs.ProtoMinor != r.Minor || !sameHost(theirs.Host, string(r.Host)) {
			t.Fatalf("%s; there %s %s 1.%d for %s", showRequest(&r), theirs.Method, theirs.RequestURI, theirs.ProtoMinor, theirs.Host)
		}
		if theirs.Close == r.KeepAlive {
			t.Fatalf("%s; there close %v", showRequest(&r), theirs.Close)
		}
		sameFields(t, r.Fields, r.Framing == h1.Chunked, theirs.Header)
		sameBody(t, theirs.Body, left, r.Framing, r.Length, data[n:])
	}
	passedOnIsOne(t, &r, data[n:])
}

// answerReadsAsInNetHTTP wants data to be refused, or to be the same answer here and there. kind says what it is to.
func answerReadsAsInNetHTTP(t failer, data []byte, cut uint16, kind uint8) {
	t.Helper()
	to := h1.To{Head: kind&1 != 0, Upgrade: kind&2 != 0}
	n, fault := sameEitherWay(t, responses(to), data, cut)
	if n == 0 || fault != h1.None {
		return
	}
	var r h1.Response
	r.Parse(data, 0, &h1.ServerLimits, to)
	request := &http.Request{Method: "GET"}
	if to.Head {
		request.Method = "HEAD"
	}
	left := bufio.NewReaderSize(bytes.NewReader(data), 128<<10)
	theirs, err := http.ReadResponse(left, request)
	switch {
	case err != nil && strings.Contains(err.Error(), "bad trailer key"):
		return
	case err != nil:
		t.Fatalf("%q: there %v", data[:n], err)
	case theirs.StatusCode != r.Status || theirs.ProtoMinor != r.Minor:
		t.Fatalf("%s; there %s %s", showResponse(&r), theirs.Proto, theirs.Status)
	case r.KeepAlive && theirs.Close:
		t.Fatalf("%s is kept; there it is closed", showResponse(&r))
	case r.Upgrade:
		return // what follows is no body, which net/http shows as one
	}
	chunked := r.Framing == h1.Chunked || slices.Contains(theirs.TransferEncoding, "chunked")
	sameFields(t, r.Fields, chunked, theirs.Header)
	sameBody(t, theirs.Body, left, r.Framing, r.Length, data[n:])
}

// sameEitherWay wants the same of a head whole and in two pieces, if it is whole or broken beyond doubt.
func sameEitherWay(t failer, parse parser, data []byte, cut uint16) (n int, f h1.Fault) {
	t.Helper()
	n, f, text := parse(data, 0)
	c := int(cut) % (len(data) + 1)
	n2, f2, text2 := parse(data[:c], 0)
	if n2 == 0 && f2 == h1.None {
		n2, f2, text2 = parse(data, c)
	}
	late := f != h1.None && n2 == 0 && f2 == h1.None && !bytes.Contains(data[c:], []byte("\r\n\r\n"))
	if !late && (n2 != n || f2 != f || text2 != text) {
		t.Fatalf("whole: %d, %v, %s; cut at %d: %d, %v, %s; of %q", n, f, text, c, n2, f2, text2, data)
	}
	return n, f
}

// sameFields wants the fields in net/http's header, but for those that net/http takes out of it.
func sameFields(t failer, fields []h1.Field, chunked bool, theirs http.Header) {
	t.Helper()
	ours := http.Header{}
	for _, f := range fields {
		name := textproto.CanonicalMIMEHeaderKey(string(f.Name))
		ours[name] = append(ours[name], string(f.Value))
	}
	for _, name := range []string{"Host", "Transfer-Encoding", "Connection", "Pragma", "Cache-Control"} {
		delete(ours, name)
		delete(theirs, name)
	}
	if chunked {
		delete(ours, "Trailer")
	}
	for name := range ours {
		if !slices.Equal(ours[name], theirs[name]) {
			t.Fatalf("%s: %q here, %q there", name, ours[name], theirs[name])
		}
	}
	if len(ours) != len(theirs) {
		t.Fatalf("%q here, %q there", ours, theirs)
	}
}

// sameBody wants net/http to read the same body and to leave the same bytes behind it.
func sameBody(t failer, body io.Reader, left *bufio.Reader, framing h1.Framing, length int64, rest []byte) {
	t.Helper()
	want, n, done, f := passAll(t, framing, length, true, rest)
	if f != h1.None {
		return
	}
	got, err := io.ReadAll(body)
	switch {
	case err != nil && (strings.Contains(err.Error(), "too much non-data") || strings.Contains(err.Error(), "line too long")):
		return // net/http's bounds are other ones
	case err != nil && done, err == nil && !done, done && string(got) != want:
		t.Fatalf("body %q, done %v; there %q, %v; of %q", want, done, got, err, rest)
	case !done:
		return
	}
	if behind, _ := io.ReadAll(left); !bytes.Equal(behind, rest[n:]) {
		t.Fatalf("%q follows here, %q there", rest[n:], behind)
	}
	sent, _, _, _ := passAll(t, framing, length, false, rest)
	if framing == h1.Chunked {
		if content, ok := canonical(sent); !ok || content != want {
			t.Fatalf("%q is sent on for %q", sent, rest)
		}
	} else if sent != want {
		t.Fatalf("%q is sent on for %q", sent, rest)
	}
}

// canonical decodes chunks as they must be sent on. It knows no other form of them.
func canonical(raw string) (content string, ok bool) {
	for {
		line, rest, _ := strings.Cut(raw, "\r\n")
		size := 0
		for _, c := range line {
			digit := strings.IndexRune("0123456789abcdef", c)
			if digit < 0 {
				return "", false
			}
			size = size<<4 | digit
		}
		switch {
		case line == "0":
			trailers, found := strings.CutSuffix(rest, "\r\n")
			return content, found && (trailers == "" || strings.HasSuffix(trailers, "\r\n"))
		case line == "" || line[0] == '0' || len(rest) < size+2 || rest[size:size+2] != "\r\n":
			return "", false
		}
		content += rest[:size]
		raw = rest[size+2:]
	}
}

func sameHost(theirs, ours string) bool {
	if unescaped, err := url.PathUnescape(ours); err == nil && strings.Contains(ours, "%") {
		return theirs == unescaped || theirs == ours
	}
	return theirs == ours
}

// passedOnIsOne writes the request anew, as a proxy would, with what is canonical of its body, and wants it to be one request of the same
// meaning and nothing behind it.
func passedOnIsOne(t failer, r *h1.Request, rest []byte) {
	t.Helper()
	sent, _, done, f := passAll(t, r.Framing, r.Length, false, rest)
	if f != h1.None || !done {
		return
	}
	raw := string(r.Method) + " " + string(r.Path) + string(r.Query) + " HTTP/1.1\r\nHost: " + string(r.Host) + "\r\n"
	for _, field := range r.Fields {
		if !h1.EqualFold(field.Name, "host") {
			raw += string(field.Name) + ": " + string(field.Value) + "\r\n"
		}
	}
	raw += "\r\n"
	var again h1.Request
	n, f := again.Parse([]byte(raw+sent), 0, &h1.Limits{Target: 9 << 10, Head: 64 << 10, Fields: 101})
	if len(r.Host) == 0 && f == h1.BadHost {
		return // HTTP/1.0 without a host has to get one
	}
	if n != len(raw) || f != h1.None || !bytes.Equal(again.Method, r.Method) || !bytes.Equal(again.Path, r.Path) || !bytes.Equal(again.Query, r.Query) ||
		!bytes.Equal(again.Host, r.Host) || again.Framing != r.Framing || again.Length != r.Length {
		t.Fatalf("%q is passed on for %s: %v, %s", raw, showRequest(r), f, showRequest(&again))
	}
	if resent, n, done, f := passAll(t, again.Framing, again.Length, false, []byte(sent)); resent != sent || n != len(sent) || !done || f != h1.None {
		t.Fatalf("%q is passed on, and then %q: %d, %v, %v", sent, resent, n, done, f)
	}
}
