package proxy_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

// compressing is a service whose template asks for compression, and edits its answers' heads by rules.
func compressing(t *testing.T, addr netip.AddrPort, c route.Compression, rules ...route.Directive) int {
	r, port := newRig(t, proxy.Options{}), freePort(t)
	change := service(route.HTTP, port, addr)
	change.SetBackends[0].Do = &route.Directives{Compress: &c, Response: rules}
	r.apply(change)
	return port
}

// tellAll sends a request as it stands over a connection of its own, and reads the answer with its body as it came.
func tellAll(t *testing.T, port int, request string) (*http.Response, []byte) {
	t.Helper()
	conn, in := dialed(t, port)
	io.WriteString(conn, request)
	resp, err := http.ReadResponse(in, &http.Request{Method: request[:strings.IndexByte(request, ' ')]})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}

func unzipped(t *testing.T, b []byte) string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("%v in %q", err, b)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const text = "some text, some text, some text"

// obliging answers with the text, and the status, fields and form of body that a request asks for in its fields Status, Want and Body.
func obliging(t *testing.T) netip.AddrPort {
	return rawTask(t, func(c net.Conn, r *bufio.Reader) {
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			status := "200 OK"
			if s := req.Header.Get("Status"); s != "" {
				status = s
			}
			head := "HTTP/1.1 " + status + "\r\nSaw: " + req.Header.Get("Accept-Encoding") + "\r\n"
			for _, f := range req.Header["Want"] {
				head += f + "\r\n"
			}
			switch body := req.Header.Get("Body"); {
			case req.Method == "HEAD":
				fmt.Fprintf(c, "%sContent-Length: %d\r\n\r\n", head, len(text))
			case body == "chunked":
				fmt.Fprintf(c, "%sTransfer-Encoding: chunked\r\n\r\n5\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", head, text[:5], len(text)-5, text[5:])
			case body == "none":
				fmt.Fprintf(c, "%sContent-Length: 0\r\n\r\n", head)
			case body == "close":
				fmt.Fprintf(c, "%sConnection: close\r\n\r\n%s", head, text)
				return
			default:
				fmt.Fprintf(c, "%sContent-Length: %d\r\n\r\n%s", head, len(text), text)
			}
		}
	})
}

func TestAnswersAreCompressedOnlyWhereHAProxyWouldCompressThem(t *testing.T) {
	addr := obliging(t)
	port := compressing(t, addr, route.Compression{Types: []string{"text/", "application/json"}})
	all := compressing(t, addr, route.Compression{Offload: true})
	plain := "Want: Content-Type: text/plain\r\n"
	gzips := "Accept-Encoding: gzip\r\n" + plain
	for _, c := range []struct {
		port         int
		line, fields string
		does         bool
		want         string // among the fields
	}{
		{port, "GET / HTTP/1.1", gzips, true, "Vary: Accept-Encoding\r\n"},
		{port, "GET / HTTP/1.1", gzips, true, "Saw: gzip\r\n"},
		{port, "GET / HTTP/1.1", gzips + "Body: chunked\r\n", true, ""},
		{port, "POST / HTTP/1.1", gzips + "Content-Length: 0\r\n", true, ""},
		{port, "GET / HTTP/1.1", gzips + "Want: ETag: \"v1\"\r\n", true, "Etag: W/\"v1\"\r\n"},
		{port, "GET / HTTP/1.1", gzips + "Want: ETag: W/\"v1\"\r\n", true, "Etag: W/\"v1\"\r\n"},
		{port, "GET / HTTP/1.1", gzips + "Want: Vary: Cookie\r\n", true, "Vary: Cookie\r\nVary: Accept-Encoding\r\n"},
		{port, "GET / HTTP/1.1", gzips + "Want: Cache-Control: max-age=5\r\n", true, ""},
		{port, "GET / HTTP/1.1", gzips + "Status: 203 Non-Authoritative Information\r\n", true, ""},
		{port, "GET / HTTP/1.1", "Accept-Encoding: br, GZIP;q=0.5\r\n" + plain, true, ""},
		{port, "GET / HTTP/1.1", "Accept-Encoding: br\r\nAccept-Encoding: *\r\n" + plain, true, ""},
		{port, "GET / HTTP/1.1", "Accept-Encoding: gzip\r\nWant: Content-Type: Application/JSON; charset=utf-8\r\n", true, ""},
		{all, "GET / HTTP/1.1", "Accept-Encoding: gzip\r\n", true, "Saw: \r\n"},

		{port, "GET / HTTP/1.1", plain, false, ""},
		{all, "GET / HTTP/1.1", "Accept-Encoding: br\r\n", false, "Saw: br\r\n"},
		{port, "GET / HTTP/1.1", "Accept-Encoding: *, gzip;q=0\r\n" + plain, false, ""},
		{port, "GET / HTTP/1.1", "Accept-Encoding: gzip;q=x\r\n" + plain, false, ""},
		{port, "GET / HTTP/1.0", gzips, false, ""},
		{port, "HEAD / HTTP/1.1", gzips, false, "Saw: gzip\r\n"},
		{all, "HEAD / HTTP/1.1", gzips, false, "Saw: \r\n"},
		{all, "GET / HTTP/1.0", gzips, false, "Saw: \r\n"},
		{port, "GET / HTTP/1.1", gzips + "Body: none\r\n", false, ""},
		{port, "GET / HTTP/1.1", gzips + "Body: close\r\n", false, ""},
		{port, "GET / HTTP/1.1", gzips + "Status: 404 Not Found\r\n", false, ""},
		{port, "GET / HTTP/1.1", gzips + "Status: 206 Partial Content\r\n", false, ""},
		{port, "GET / HTTP/1.1", gzips + "Want: Content-Encoding: x\r\n", false, ""},
		{port, "GET / HTTP/1.1", gzips + "Want: Cache-Control: private, No-Transform\r\n", false, ""},
		{port, "GET / HTTP/1.1", gzips + "Want: ETag: v1\r\n", false, "Etag: v1\r\n"},
		{port, "GET / HTTP/1.1", gzips + "Want: ETag: \"1\"\r\nWant: ETag: \"2\"\r\n", false, "Etag: \"1\"\r\nEtag: \"2\"\r\n"},
		{port, "GET / HTTP/1.1", "Accept-Encoding: gzip\r\nWant: ETag: \"v1\"\r\nWant: Content-Type: image/png\r\n", false, "Etag: \"v1\"\r\n"},
		{port, "GET / HTTP/1.1", gzips + "Want: ETag: \"v1\"\r\nWant: Cache-Control: no-transform\r\n", false, "Etag: \"v1\"\r\n"},
		{port, "GET / HTTP/1.1", "Accept-Encoding: gzip\r\n", false, ""},
		{port, "GET / HTTP/1.1", "Accept-Encoding: gzip\r\nWant: Content-Type: image/png\r\n", false, ""},
		{all, "GET / HTTP/1.1", "Accept-Encoding: gzip\r\nWant: Content-Type: multipart/mixed\r\n", false, ""},
	} {
		resp, body := tellAll(t, c.port, c.line+"\r\nHost: x\r\n"+c.fields+"\r\n")
		var head bytes.Buffer
		resp.Header.Write(&head)
		does := resp.Header.Get("Content-Encoding") == "gzip"
		if does != c.does || !strings.Contains(head.String(), c.want) || does && (resp.Header.Get("Content-Length") != "" && engine == proxy.LoopEngine || unzipped(t, body) != text) {
			t.Errorf("%s\n%s gets %d %q\n%s", c.line, c.fields, resp.StatusCode, body, &head)
		}
		if !does && (resp.Header.Get("Vary") != "" || len(body) > 0 && string(body) != text) {
			t.Errorf("%s\n%s is not compressed, but gets %d %q\n%s", c.line, c.fields, resp.StatusCode, body, &head)
		}
	}
}

func TestRulesThatEditAnAnswerDoNotDecideWhetherItIsCompressed(t *testing.T) {
	edited := compressing(t, obliging(t), route.Compression{Types: []string{"text/"}},
		route.Directive{Act: route.SetHeader, Name: "Cache-Control", Value: route.Plain("no-store")},
		route.Directive{Act: route.SetHeader, Name: "Content-Type", Value: route.Plain("text/plain")},
		route.Directive{Act: route.DelHeader, Name: "Content-Encoding"},
		route.Directive{Act: route.SetHeader, Name: "ETag", Value: route.Plain(`"rule's"`)})
	forbidden := compressing(t, obliging(t), route.Compression{Types: []string{"text/"}},
		route.Directive{Act: route.SetHeader, Name: "Cache-Control", Value: route.Plain("no-transform")},
		route.Directive{Act: route.DelHeader, Name: "Content-Type"},
		route.Directive{Act: route.SetHeader, Name: "ETag", Value: route.Plain("bad")})
	for _, c := range []struct {
		port   int
		fields string
		does   bool
		tag    string
	}{
		{edited, "Want: Content-Type: text/plain\r\n", true, `W/"rule's"`},
		{edited, "Want: Content-Type: text/plain\r\nWant: Cache-Control: private, no-transform\r\n", false, `"rule's"`},
		{edited, "Want: Content-Type: image/png\r\n", false, `"rule's"`},
		{edited, "Want: Content-Type: text/plain\r\nWant: Content-Encoding: br\r\n", false, `"rule's"`},
		{edited, "Want: Content-Type: text/plain\r\nWant: ETag: bad\r\n", false, `"rule's"`},
		{forbidden, "Want: Content-Type: text/plain\r\nWant: ETag: \"v1\"\r\n", true, "bad"},
	} {
		resp, body := tellAll(t, c.port, "GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n"+c.fields+"\r\n")
		if does := resp.Header.Get("Content-Encoding") == "gzip"; does != c.does || resp.Header.Get("ETag") != c.tag || does && unzipped(t, body) != text || !does && string(body) != text {
			t.Errorf("%s gets %v %q", c.fields, resp.Header, body)
		}
	}
}

// numbers are some megabytes of text.
func numbers() string {
	var b strings.Builder
	for i := range 1 << 20 {
		fmt.Fprintf(&b, "%d ", i)
	}
	return b.String()
}

func TestALongAnswerIsCompressedWholeAndItsConnectionGoesOn(t *testing.T) {
	text := numbers()
	port := compressing(t, task(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/length" {
			w.Header().Set("Content-Length", fmt.Sprint(len(text)))
		}
		io.WriteString(w, text)
	}), route.Compression{})
	conn, in := dialed(t, port)
	for _, path := range []string{"/length", "/chunks", "/length"} {
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n", path)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || len(body) > len(text)*2/3 || unzipped(t, body) != text {
			t.Fatalf("%s: %v, %d bytes of %d", path, err, len(body), len(text))
		}
	}
}

func TestWhatCompressionSavesIsCounted(t *testing.T) {
	text := strings.Repeat("text ", 50_000)
	r, port := newRig(t, proxy.Options{}), freePort(t)
	change := service(route.HTTP, port, task(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, text) }))
	change.SetBackends[0].Do = &route.Directives{Compress: &route.Compression{}}
	r.apply(change)
	sent := 0
	for _, fields := range []string{"", "Accept-Encoding: gzip\r\n", "Accept-Encoding: gzip\r\n"} {
		if resp, body := tellAll(t, port, "GET / HTTP/1.1\r\nHost: x\r\n"+fields+"\r\n"); resp.Header.Get("Content-Encoding") == "gzip" {
			sent += len(body)
		}
	}
	for _, s := range []*route.Stats{r.Table().Listeners()[0].Stats, r.backend(port).Stats} {
		eventually(t, "it is counted", func() bool {
			return s.Sum(route.Compressed) == 2 && s.Sum(route.CompressedIn) == uint64(2*len(text)) && s.Sum(route.CompressedOut) == uint64(sent)
		})
	}
}

func TestWhatIsCompressedIsNotHeldBackUntilMoreComes(t *testing.T) {
	more := make(chan struct{})
	port := compressing(t, task(t, func(w http.ResponseWriter, r *http.Request) {
		for range 3 {
			io.WriteString(w, "event\n")
			w.(http.Flusher).Flush()
			select {
			case <-more:
			case <-r.Context().Done():
				return
			}
		}
	}), route.Compression{})
	conn, in := dialed(t, port)
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n")
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	event := make([]byte, 6)
	for range 3 {
		if _, err := io.ReadFull(z, event); err != nil || string(event) != "event\n" {
			t.Fatalf("%q, %v", event, err)
		}
		more <- struct{}{}
	}
	if n, err := z.Read(event); n != 0 || err != io.EOF {
		t.Errorf("the end is %d, %v", n, err)
	}
}

func TestACompressedAnswerThatIsCutLooksCut(t *testing.T) {
	for _, framing := range []string{"Content-Length: 100", "Transfer-Encoding: chunked"} {
		port := compressing(t, rawTask(t, func(c net.Conn, r *bufio.Reader) {
			http.ReadRequest(r)
			io.WriteString(c, "HTTP/1.1 200 OK\r\n"+framing+"\r\n\r\n5\r\nhello\r\n")
		}), route.Compression{})
		conn, in := dialed(t, port)
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n")
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			continue // cut before its head left
		}
		if body, err := io.ReadAll(resp.Body); err == nil {
			t.Errorf("%s: %d %q", framing, resp.StatusCode, body)
		}
	}
}

func TestASlowClientHoldsTheServerOfACompressedAnswerBack(t *testing.T) {
	text, wrote := numbers(), make(chan int, 1)
	port := compressing(t, task(t, func(w http.ResponseWriter, r *http.Request) {
		n := 0
		for range 8 {
			m, err := io.WriteString(w, text)
			if n += m; err != nil {
				break
			}
		}
		wrote <- n
	}), route.Compression{})
	conn, in := dialed(t, port)
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n")
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, z) // a part, and then no more
	conn.Close()
	if n := <-wrote; n == 8*len(text) {
		t.Error("the server was rid of all of it, which nobody took")
	}
}
