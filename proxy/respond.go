package proxy

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// sentences are HAProxy's words for the statuses it answers itself: people and scripts look for them.
var sentences = map[int]struct{ title, text string }{
	200: {"200 OK", "Service ready."},
	400: {"400 Bad request", "Your browser sent an invalid request."},
	401: {"401 Unauthorized", "You need a valid user and password to access this content."},
	403: {"403 Forbidden", "Request forbidden by administrative rules."},
	404: {"404 Not Found", "The resource could not be found."},
	405: {"405 Method Not Allowed", "This server does not offer the method of this request."},
	407: {"407 Unauthorized", "You need a valid user and password to access this content."},
	408: {"408 Request Time-out", "Your browser didn't send a complete request in time."},
	410: {"410 Gone", "The resource is no longer available and will not be available again."},
	413: {"413 Payload Too Large", "The request entity exceeds the maximum allowed."},
	414: {"414 URI Too Long", "The address of this request is longer than this server takes."},
	421: {"421 Misdirected Request", "Request sent to a non-authoritative server."},
	425: {"425 Too Early", "Your browser sent early data."},
	429: {"429 Too Many Requests", "You have sent too many requests in a given amount of time."},
	431: {"431 Request Header Fields Too Large", "The head of this request is larger than this server takes."},
	500: {"500 Internal Server Error", "An internal server error occurred."},
	501: {"501 Not Implemented", "This server does not understand the coding of this request."},
	502: {"502 Bad Gateway", "The server returned an invalid or incomplete response."},
	503: {"503 Service Unavailable", "No server is available to handle this request."},
	504: {"504 Gateway Time-out", "The server didn't respond in time."},
	505: {"505 HTTP Version Not Supported", "This server speaks HTTP/1.0 and HTTP/1.1 only."},
}

// page is the body of a status of ours (marathon-lb.md 5.11).
func page(status int) string {
	s, ok := sentences[status]
	if !ok {
		s.title, s.text = statusText(status), sentences[403].text
	}
	return "<html><body><h1>" + s.title + "</h1>\n" + s.text + "\n</body></html>\n"
}

// statusText is the status with its words, as in a status line.
func statusText(status int) string {
	if s, ok := sentences[status]; ok {
		return s.title
	}
	return strconv.Itoa(status) + " " + cmp.Or(http.StatusText(status), "Refused")
}

// quoted escapes what a quoted-string cannot hold (RFC 9110 5.6.4).
var quoted = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// retryAfter is how many seconds a client is asked to wait while there is no table.
const retryAfter = "1"

// said is what a client is told of a failure: fields of a head, and the page.
type said struct {
	fields []Field
	body   string
}

// ofStatus is what is said with a status that is not a failure's own.
func ofStatus(status int) *said {
	body := page(status)
	return &said{body: body, fields: []Field{
		{"Cache-Control", "no-cache"}, {"Connection", "close"}, {"Content-Type", "text/html"}, {"Content-Length", strconv.Itoa(len(body))},
	}}
}

// replies are those to the failures that always have the same one: a flood of requests for what is not here shall cost little.
var replies = func() (all [numFailures]said) {
	for f := range numFailures {
		all[f] = *ofStatus(f.row().status)
		if f == NoTable {
			all[f].fields = append(all[f].fields, Field{"Retry-After", retryAfter})
		}
		all[f].fields = slices.Clip(all[f].fields)
	}
	return all
}()

// reply is what a client is told of a failure. After a page the connection is closed; a redirect has none, and the connection goes on.
func reply(f Failure, a Action) (fields []Field, body string) {
	if f == Redirected {
		fields = []Field{{"Location", a.Location}, {"Content-Length", "0"}}
		switch a.Status {
		case 302, 303, 307: // which are for now
			fields = append(fields, Field{"Cache-Control", "no-cache"})
		}
		if a.Cookie != "" {
			fields = append(fields, Field{"Set-Cookie", a.Cookie})
		}
		return fields, ""
	}
	r := &replies[f]
	if p := a.page; p != nil {
		r = &said{append(slices.Clone(p.fields), Field{"Connection", "close"}, Field{"Content-Length", strconv.Itoa(len(p.body))}), p.body}
	} else if status := a.status(f); status != f.row().status {
		r = ofStatus(status)
	}
	if f == Unauthorized && !hasField(r.fields, "WWW-Authenticate") { // without it no browser asks for a password
		return append(r.fields, Field{"WWW-Authenticate", `Basic realm="` + quoted.Replace(a.Auth.Realm) + `"`}), r.body
	}
	return r.fields, r.body
}

// respond gives the answer by way of the standard library.
func respond(w http.ResponseWriter, f Failure, a Action) {
	fields, body := reply(f, a)
	h := w.Header()
	for _, field := range fields {
		h.Set(field.Name, field.Value)
	}
	if f == Redirected {
		h["Date"] = nil
	}
	w.WriteHeader(a.status(f))
	w.Write([]byte(body))
}
