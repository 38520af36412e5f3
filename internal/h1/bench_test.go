package h1_test

import (
	"bytes"
	"testing"

	"marathon-lb/internal/h1"
)

// browser is the head of an ordinary page view: 12 fields, about 700 bytes.
var browser = crlf("GET /shop/articles/4711?utm_source=newsletter&page=2 HTTP/1.1",
	"Host: shop.example.com",
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
	"Accept-Language: en-GB,en;q=0.9,de;q=0.8",
	"Accept-Encoding: gzip, deflate, br, zstd",
	"Connection: keep-alive",
	"Referer: https://shop.example.com/shop/articles?page=1",
	"Cookie: mesosphere_server_id=0123456789abcdef; session=8f14e45fceea167a5a36dedd4bea2543",
	"Upgrade-Insecure-Requests: 1",
	"Sec-Fetch-Dest: document",
	"Sec-Fetch-Mode: navigate",
	"Cache-Control: max-age=0")

var answer = crlf("HTTP/1.1 200 OK",
	"Server: nginx/1.27.0",
	"Date: Mon, 01 Jul 2024 12:00:00 GMT",
	"Content-Type: text/html; charset=utf-8",
	"Content-Length: 12345",
	"Connection: keep-alive",
	"Cache-Control: private, max-age=60",
	"ETag: \"5f3c-61c\"")

func BenchmarkRequest(b *testing.B) {
	var r h1.Request
	head := []byte(browser)
	b.ReportAllocs()
	b.SetBytes(int64(len(head)))
	for b.Loop() {
		if n, _ := r.Parse(head, 0, &h1.ClientLimits); n != len(head) {
			b.Fatal(n)
		}
	}
}

func BenchmarkRequestByteByByte(b *testing.B) {
	var r h1.Request
	head := []byte(browser)
	b.ReportAllocs()
	for b.Loop() {
		for i := range head {
			if _, f := r.Parse(head[:i+1], i, &h1.ClientLimits); f != h1.None {
				b.Fatal(f)
			}
		}
	}
}

func BenchmarkResponse(b *testing.B) {
	var r h1.Response
	head := []byte(answer)
	b.ReportAllocs()
	b.SetBytes(int64(len(head)))
	for b.Loop() {
		if n, _ := r.Parse(head, 0, &h1.ServerLimits, h1.To{}); n != len(head) {
			b.Fatal(n)
		}
	}
}

func BenchmarkChunks(b *testing.B) {
	for name, line := range map[string]string{"canonical": "400\r\n", "extended": "400;a=b\r\n"} {
		b.Run(name, func(b *testing.B) {
			raw := []byte(line + string(bytes.Repeat([]byte("x"), 1024)) + "\r\n")
			raw = append(bytes.Repeat(raw, 15), h1.LastChunk...)
			p := make([]byte, len(raw))
			b.ReportAllocs()
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				copy(p, raw) // what came is shortened in place
				body := h1.NewBody(h1.Chunked, 0)
				if _, _, done, f := body.Pass(p, false); !done {
					b.Fatal(f)
				}
			}
		})
	}
}

func TestNothingIsAllocatedOnceTheFieldsHaveTheirArray(t *testing.T) {
	var r h1.Request
	var a h1.Response
	head, reply, chunks := []byte(browser), []byte(answer), []byte("5;x\r\nhello\r\n0\r\nX: y\r\n\r\n")
	p := make([]byte, len(chunks))
	n := testing.AllocsPerRun(100, func() {
		r.Parse(head, 0, &h1.ClientLimits)
		a.Parse(reply, 0, &h1.ServerLimits, h1.To{})
		body := h1.NewBody(h1.Chunked, 0)
		copy(p, chunks)
		body.Pass(p, false)
	})
	if n != 0 || r.Length != -1 || a.Length != 12345 {
		t.Errorf("%v allocations", n)
	}
}
