package h1

// Fault says why bytes are no message; None is none.
type Fault uint8

const (
	None           Fault = iota
	BadSyntax            // the first line is no request line or status line
	BadLineEnd           // a bare CR or LF, or too many empty lines in front
	BadVersion           // neither HTTP/1.1 nor HTTP/1.0
	MethodRefused        // CONNECT
	BadTarget            // no form of target that a request of that method may have
	TargetTooLong        // Limits.Target
	HeadTooLarge         // Limits.Head
	TooManyFields        // Limits.Fields
	BadField             // a name that is no token, a folded line, a control byte
	BadHost              // none, several, or not one of RFC 3986
	BadLength            // Content-Length: several, a list, no number, or too large
	BadCoding            // Transfer-Encoding: several, not chunked, or in HTTP/1.0
	UnknownCoding        // Transfer-Encoding: a real coding, but one that we do not undo
	TwoFramings          // Content-Length beside Transfer-Encoding
	BadStatus            // an answer's status is not 100 to 599
	UnaskedUpgrade       // a 101 that answers no wish of ours
	BadChunk             // a chunk's size, extension or end
	ExtensionsTooLarge
	BadTrailer
	TrailersTooLarge
	Cut // the connection ended before the body did
)

// fault is what is said of a Fault.
type fault struct {
	reason string
	status int
}

var faults = [...]fault{
	None:               {"nothing is wrong", 200},
	BadSyntax:          {"malformed first line", 400},
	BadLineEnd:         {"line does not end in CRLF", 400},
	BadVersion:         {"HTTP version not supported", 505},
	MethodRefused:      {"CONNECT is not served", 405},
	BadTarget:          {"malformed request target", 400},
	TargetTooLong:      {"request target too long", 414},
	HeadTooLarge:       {"head too large", 431},
	TooManyFields:      {"too many fields", 431},
	BadField:           {"malformed field", 400},
	BadHost:            {"missing, repeated or malformed Host", 400},
	BadLength:          {"repeated or malformed Content-Length", 400},
	BadCoding:          {"repeated or malformed Transfer-Encoding", 400},
	UnknownCoding:      {"transfer coding not supported", 501},
	TwoFramings:        {"Content-Length beside Transfer-Encoding", 400},
	BadStatus:          {"malformed status", 502},
	UnaskedUpgrade:     {"upgrade nobody asked for", 502},
	BadChunk:           {"malformed chunk", 400},
	ExtensionsTooLarge: {"chunk extensions too large", 400},
	BadTrailer:         {"malformed trailer", 400},
	TrailersTooLarge:   {"trailers too large", 400},
	Cut:                {"connection ended within the body", 400},
}

// Error says which rule was broken, for the log. The same fault always has the same words.
func (f Fault) Error() string { return faults[f].reason }

// Status is what a client is answered whose request has the fault. A fault in a server's answer is 502 to the client, whatever it is.
func (f Fault) Status() int { return faults[f].status }
