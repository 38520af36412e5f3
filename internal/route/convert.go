package route

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"marathon-lb/internal/hacfg"
)

// convert makes another value of one, or none.
type convert func(string) (string, bool)

func always(to func(string) string) convert {
	return func(v string) (string, bool) { return to(v), true }
}

// converter is what a name behind a comma does.
func converter(c hacfg.Call) (convert, error) {
	arg := func(i int) string {
		if i < len(c.Args) {
			return c.Args[i]
		}
		return ""
	}
	switch c.Name {
	case "lower":
		return always(foldASCII), nil
	case "upper":
		return always(upperASCII), nil
	case "length":
		return always(func(v string) string { return itoa(len(v)) }), nil
	case "url_dec":
		inQuery := leadingNumber(arg(0)) != 0
		return func(v string) (string, bool) { return decoded(v, inQuery) }, nil
	case "base64":
		return always(func(v string) string { return base64.StdEncoding.EncodeToString([]byte(v)) }), nil
	case "field", "word":
		n, err := strconv.Atoi(arg(0))
		count := 1
		if err == nil && arg(2) != "" {
			count, err = strconv.Atoi(arg(2))
		}
		if err != nil || arg(1) == "" || n == 0 || count < 0 {
			return nil, fmt.Errorf("%s wants a number and separators", c)
		}
		return func(v string) (string, bool) { return parts(v, n, count, arg(1), c.Name == "word") }, nil
	case "regsub":
		expression := arg(0)
		if strings.Contains(arg(2), "i") {
			expression = "(?i)" + expression
		}
		re, err := regexp.Compile(expression)
		if err != nil {
			return nil, err
		}
		return always(func(v string) string { return substitute(re, v, arg(1), strings.Contains(arg(2), "g")) }), nil
	}
	return nil, fmt.Errorf("the converter %q is not known here", c.Name)
}

// decoded is a text without its %-escapes, and without plus signs where it is in a query; none if an escape is none. Behind a ? a query begins.
func decoded(v string, inQuery bool) (string, bool) {
	b := make([]byte, 0, len(v))
	for i := 0; i < len(v); i++ {
		c := v[i]
		switch {
		case c == '+' && inQuery:
			c = ' '
		case c == '?':
			inQuery = true
		case c == '%':
			n, err := strconv.ParseUint(v[min(i+1, len(v)):min(i+3, len(v))], 16, 8)
			if err != nil || i+3 > len(v) {
				return "", false
			}
			c, i = byte(n), i+2
		}
		b = append(b, c)
	}
	return string(b), true
}

// parts are so many fields of a value, or words, which are not empty, from the n-th on; if n is less than zero, from the end and on to the left.
// What lies between them stays. Where there are not so many, or count is 0, all that follows.
func parts(v string, n, count int, separators string, words bool) (string, bool) {
	var spans [][2]int
	for begin, i := 0, 0; i <= len(v); i++ {
		if i < len(v) && strings.IndexByte(separators, v[i]) < 0 {
			continue
		}
		if i > begin || !words {
			spans = append(spans, [2]int{begin, i})
		}
		begin = i + 1
	}
	at := n - 1
	if n < 0 {
		at = len(spans) + n
	}
	switch {
	case at < 0 || at >= len(spans):
		return "", words // a word that is not there is empty, a field is none
	case n > 0 && (count == 0 || at+count > len(spans)):
		return v[spans[at][0]:], true
	case n > 0:
		return v[spans[at][0]:spans[at+count-1][1]], true
	case count == 0 || count > at+1:
		return v[:spans[at][1]], true
	}
	return v[spans[at-count+1][0]:spans[at][1]], true
}

// upperASCII is a text in upper case, byte by byte as HAProxy converts.
func upperASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'a' && c <= 'z' {
			b[i] = c + 'A' - 'a'
		}
	}
	return string(b)
}

// leadingNumber is the number that a text begins with, 0 if there is none: so HAProxy makes a number of a text.
func leadingNumber(s string) int64 {
	end := 0
	for end < len(s) && (s[end] >= '0' && s[end] <= '9' || end == 0 && s[end] == '-') {
		end++
	}
	n, _ := strconv.ParseInt(s[:end], 10, 64) // the farthest there is if it is farther
	return n
}

func asNumber(v string) string { return strconv.FormatInt(leadingNumber(v), 10) }

// asAddress is an address that a value is. Behind an IPv4 address may stand more, as a port does.
func asAddress(v string) (string, bool) {
	end := strings.IndexFunc(v, func(c rune) bool { return c != '.' && (c < '0' || c > '9') })
	if end < 0 {
		end = len(v)
	}
	a, err := netip.ParseAddr(v[:end])
	if err != nil {
		a, err = netip.ParseAddr(v)
	}
	return a.String(), err == nil && a.Zone() == ""
}
