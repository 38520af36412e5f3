package h1

// EqualFold says whether b is the ASCII word lower, which is in lower case, without regard to b's case.
func EqualFold(b []byte, lower string) bool { panic("to come") }

// HasToken says whether a comma-separated list has the token lower, which is in lower case (RFC 9110, 5.6.1).
func HasToken(list []byte, lower string) bool { panic("to come") }
