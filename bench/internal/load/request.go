package load

import "fmt"

// head is a request as a browser sends it: twelve fields, about 700 bytes.
func head(s Spec) []byte {
	text := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: app.example.com:%d\r\n", s.Path, s.To.Port()) +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n" +
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/png,image/svg+xml,*/*;q=0.8\r\n" +
		"Accept-Language: en-GB,en;q=0.8,de-DE;q=0.5,de;q=0.3\r\n" +
		"Accept-Encoding: gzip, deflate, br, zstd\r\n" +
		"Referer: https://www.example.com/catalogue/lamps?sort=price&page=3\r\n" +
		"Cookie: session=6f1c2a9be04d4a7f8f53c1d0a2b97e65; theme=dark; consent=necessary\r\n" +
		"Upgrade-Insecure-Requests: 1\r\n" +
		"Sec-Fetch-Dest: document\r\n" +
		"Sec-Fetch-Mode: navigate\r\n" +
		"Cache-Control: no-cache\r\n"
	switch s.Exchange {
	case Close:
		text += "Connection: close\r\n"
	case WebSocket:
		text += "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	}
	return []byte(text + "\r\n")
}

// message is a WebSocket message of 128 bytes as a client sends it, masked, and echo is what must come back.
func message() (message, echo []byte) {
	mask := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	message = append([]byte{0x82, 0x80 | 126, 0, 128}, mask[:]...)
	echo = []byte{0x82, 126, 0, 128}
	for i := range 128 {
		message = append(message, byte(i)^mask[i&3])
		echo = append(echo, byte(i))
	}
	return message, echo
}
