package h1_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A fuzzer seldom hits on a message that is nearly right. These are put together from parts that somebody has read differently.

// oneOf draws the first, which is the ordinary one, more often than all the others together.
func oneOf(t *rapid.T, what string, of ...string) string {
	return rapid.SampledFrom(append(slices.Repeat(of[:1], 6*len(of)), of...)).Draw(t, what)
}

func nastyFields(t *rapid.T) (fields string) {
	fields = rapid.SampledFrom([]string{"Transfer-Encoding: chunked\r\n", "Content-Length: 5\r\n", "", "Transfer-Encoding: chunked\r\nTrailer: X\r\n"}).Draw(t, "framing")
	for range rapid.IntRange(0, 3).Draw(t, "fields") {
		fields += oneOf(t, "name", "X", "Content-Length", "Transfer-Encoding", "Connection", "Connection", "Host", "Trailer", "TE", "content-length",
			"Upgrade", "Expect", "Transfer-Encoding ", "Content_Length", "")
		fields += oneOf(t, "colon", ": ", ":", ":\t", " : ", ": \x0b", ":\r\n ")
		fields += oneOf(t, "value", "close", "5", "chunked", "keep-alive", "a:80", "0", "05", "5, 5", "+5", "", "Chunked", "gzip, chunked",
			"chunked, chunked", "websocket", "X, close", "trailers", "100-continue", "\"chunked\"", "6", "Content-Length, upgrade")
		fields += oneOf(t, "end", "\r\n", " \r\n", "\n", "\r\n\r\n", "\r", "\x00\r\n")
	}
	return fields
}

func nastyBody(t *rapid.T) (body string) {
	end := []string{"\r\n", "\n", "\r", "\r\n\r\n", ""}
	for range rapid.IntRange(0, 3).Draw(t, "chunks") {
		body += oneOf(t, "size", "5", "0005", "5;a=b", "0", "5 ", "05;", "6", "0x5", "4") + oneOf(t, "end", end...)
		body += oneOf(t, "data", "hello", "0\r\n\r\n", "", "hell\n") + oneOf(t, "end", end...)
	}
	body += oneOf(t, "last", "0\r\n\r\n", "0\r\nX: y\r\nHost: b\r\n\r\n", "0;x\r\nX: y\r\n\r\n", "", "0\n\n", "0\r\n", "000\r\n\r\n")
	return body + rapid.SampledFrom([]string{"", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"}).Draw(t, "next")
}

func TestNastyRequestsReadAsInNetHTTP(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := oneOf(t, "before", "", "\r\n", "\n")
		raw += oneOf(t, "method", "POST", "GET", "HEAD", "OPTIONS", "get", "G@T", "CONNECT") + oneOf(t, "space", " ", "  ", "\t")
		raw += oneOf(t, "target", "/", "/a?b", "*", "http://b:80/c?d", "http://b?d", "//c", "/%zz", "a:80", "http://b@c/", "/a b", "/#")
		raw += oneOf(t, "version", " HTTP/1.1", " HTTP/1.0", " HTTP/1.2", " http/1.1", "") + oneOf(t, "end", "\r\n", "\n")
		raw += oneOf(t, "host", "Host: a\r\n", "", "Host: a b\r\n", "Host: [::1]:80\r\n") + nastyFields(t) + "\r\n" + nastyBody(t)
		requestReadsAsInNetHTTP(t, []byte(raw), rapid.Uint16().Draw(t, "cut"))
	})
}

func TestNastyAnswersReadAsInNetHTTP(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := oneOf(t, "version", "HTTP/1.1 ", "HTTP/1.0 ", "HTTP/2.0 ", "HTTP/1.1  ")
		raw += oneOf(t, "status", "200", "204", "304", "100", "101", "404", "999", "20")
		raw += oneOf(t, "reason", " OK", "", " ", "  ", " \x01", "x") + oneOf(t, "end", "\r\n", "\n")
		raw += nastyFields(t) + "\r\n" + nastyBody(t)
		answerReadsAsInNetHTTP(t, []byte(raw), rapid.Uint16().Draw(t, "cut"), rapid.Uint8().Draw(t, "kind"))
	})
}
