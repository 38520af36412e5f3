package config

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap/zapcore"

	"marathon-lb/internal/route"
)

func oneOf[T ~string](text string, choices ...T) (T, error) {
	if slices.Contains(choices, T(text)) {
		return T(text), nil
	}
	words := make([]string, len(choices))
	for i, c := range choices {
		words[i] = string(c)
	}
	return "", errors.New("it must be one of " + strings.Join(words, ", "))
}

func truth(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true", "t", "yes", "y", "on", "1":
		return true, nil
	case "false", "f", "no", "n", "off", "0":
		return false, nil
	}
	return false, errors.New("it must be true or false")
}

// port reads the number of a port; 0 is for none.
func port(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0, errors.New("it must be a port from 1 to 65535, or 0 for none")
	}
	return int(n), nil
}

func count(text string) (uint, error) {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, errors.New("it must be a whole number, not negative")
	}
	return uint(n), nil
}

// packageDefaults is what the DC/OS package always puts into HAPROXY_GLOBAL_DEFAULT_OPTIONS, so it says nothing.
const packageDefaults = "redispatch,http-server-close,dontlognull"

// serverClose reads a list of HAProxy's options for whether connections to servers are closed after each request.
func serverClose(text string) string {
	return strconv.FormatBool(text != packageDefaults && slices.ContainsFunc(strings.Split(text, ","), func(option string) bool {
		return slices.Contains([]string{"http-server-close", "httpclose", "forceclose"}, strings.TrimSpace(option))
	}))
}

// otherDefaults says that a list of HAProxy's options has some that nothing is made of.
func otherDefaults(text string) bool {
	return slices.ContainsFunc(strings.Split(text, ","), func(option string) bool {
		return !slices.Contains([]string{"redispatch", "http-server-close", "httpclose", "forceclose", "http-keep-alive", "dontlognull"}, strings.TrimSpace(option))
	})
}

// duration reads 30s, 1m30s, or a plain number of seconds, as Python's flags have it. Zero is refused where it means nothing: the
// package that obeys the option would take it for "not set".
func duration(text string, zero bool) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if seconds, numErr := strconv.ParseFloat(text, 64); numErr == nil && math.Abs(seconds) < math.MaxInt64/1e9 {
		d, err = time.Duration(seconds*float64(time.Second)), nil
	}
	if err != nil || d < 0 || d == 0 && !zero {
		return 0, errors.New("it must be a length of time such as 30s, 5m, or a number of seconds")
	}
	return d, nil
}

// durationText is 0, 30s or 5m: Go's form without needless zeros.
func durationText(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	text := d.String()
	if short, ok := strings.CutSuffix(text, "m0s"); ok {
		text = short + "m"
	}
	if short, ok := strings.CutSuffix(text, "h0m"); ok {
		text = short + "h"
	}
	return text
}

// address reads :80 and *:80 (every address, IPv4 and IPv6), 127.0.0.1:80 and [::1]:80.
func address(text string) (netip.AddrPort, error) {
	wanted := errors.New("it must be an address and a port such as :80, 127.0.0.1:80 or [::1]:80")
	if host, port, ok := strings.Cut(text, ":"); ok && (host == "" || host == "*") {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return netip.AddrPort{}, wanted
		}
		return route.AnyAddr(int(n)), nil
	}
	bind, err := netip.ParseAddrPort(text)
	if err != nil {
		return netip.AddrPort{}, wanted
	}
	return bind, nil
}

// addr reads an IP address; * is the invalid one, which means every address.
func addr(text string) (netip.Addr, error) {
	if text == "*" {
		return netip.Addr{}, nil
	}
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}, errors.New("it must be an IP address such as 10.0.0.1, or * for every address")
	}
	return ip, nil
}

// network reads a CIDR network or an address.
func network(text string) (netip.Prefix, error) {
	n, err := netip.ParsePrefix(text)
	if ip, ipErr := netip.ParseAddr(text); ipErr == nil && ip.Zone() == "" {
		n, err = ip.Prefix(ip.BitLen())
	}
	if err != nil || n.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("%q is not a network; write CIDR such as 10.0.0.0/8 or fd00::/8, or an address", text)
	}
	return n.Masked(), nil
}

// levels are Python's names of the levels. NOTSET lets everything pass.
var levels = []struct {
	name  string
	level zapcore.Level
}{
	{"CRITICAL", zapcore.DPanicLevel},
	{"ERROR", zapcore.ErrorLevel},
	{"WARNING", zapcore.WarnLevel},
	{"INFO", zapcore.InfoLevel},
	{"DEBUG", zapcore.DebugLevel},
	{"NOTSET", zapcore.DebugLevel},
}

func level(text string) (zapcore.Level, error) {
	for _, l := range levels {
		if strings.EqualFold(l.name, text) {
			return l.level, nil
		}
	}
	return 0, errors.New("it must be CRITICAL, ERROR, WARNING, INFO, DEBUG or NOTSET")
}

func levelText(level zapcore.Level) string {
	for _, l := range levels {
		if l.level == level {
			return l.name
		}
	}
	return level.String()
}
