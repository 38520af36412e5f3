package proxy_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"marathon-lb/internal/route"
	"marathon-lb/internal/testkit"
	"marathon-lb/proxy"
)

// tool returns a function that runs a program and gives what it prints, both ways, and whether it ended well.
func tool(t *testing.T, name string) func(input string, args ...string) (string, bool) {
	t.Helper()
	path := testkit.Program(t, name, "TLS was not tried with another's program")
	return func(input string, args ...string) (string, bool) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, path, args...)
		cmd.Stdin = strings.NewReader(input)
		out, err := cmd.CombinedOutput()
		return string(out), err == nil
	}
}

func TestCurlGetsWhatItAsksForOverTLS(t *testing.T) {
	curl, a := tool(t, "curl"), newAuthority(t)
	r, port := newRig(t, proxy.Options{SSLCerts: []string{a.file("default.example"), a.file("a.example"), a.file("*.w.example")}}), freePort(t)
	r.apply(route.Change{
		SetListeners: []route.ListenerSpec{https(port)},
		SetBackends:  []route.BackendSpec{vhost(t, "a", "a.example"), vhost(t, "w", "*.w.example")},
	})
	root := put(t, filepath.Join(t.TempDir(), "root.pem"), a.rootPEM)
	at := func(host string, more ...string) (string, bool) {
		return curl("", append([]string{"--silent", "--show-error", "--cacert", root, "--resolve", fmt.Sprintf("%s:%d:127.0.0.1", host, port),
			fmt.Sprintf("https://%s:%d/", host, port)}, more...)...)
	}
	for _, c := range []struct {
		host string
		more []string
		ok   bool
		want string
	}{
		{"a.example", nil, true, fmt.Sprintf("a a.example:%d https", port)},
		{"x.w.example", nil, true, "w x.w.example"},
		{"a.example", []string{"--tls-max", "1.2"}, true, "a a.example"},
		{"default.example", []string{"--header", "Host: a.example"}, true, "a a.example https"}, // domain fronting: Host decides
		{"default.example", nil, true, "503 Service Unavailable"},
		{"unknown.example", nil, false, "SSL"},
		{"unknown.example", []string{"--insecure", "--write-out", "%{http_code}"}, true, "503"},
	} {
		if got, ok := at(c.host, c.more...); ok != c.ok || !strings.Contains(got, c.want) {
			t.Errorf("%s %v: %v, %s", c.host, c.more, ok, got)
		}
	}
	if got, ok := curl("", "--silent", "--show-error", url(port, "/")); ok {
		t.Errorf("plain HTTP to the TLS port: %s", got)
	}
}

func TestOpenSSLSeesTheRightCertificateAndVersions(t *testing.T) {
	openssl, a := tool(t, "openssl"), newAuthority(t)
	root := put(t, filepath.Join(t.TempDir(), "root.pem"), a.rootPEM)
	certs := []string{a.file("default.example"), a.file("a.example")}
	ports := map[proxy.TLSVersion]int{}
	for _, min := range []proxy.TLSVersion{proxy.TLS12, proxy.TLS11} {
		r, port := newRig(t, proxy.Options{SSLCerts: certs, TLSMin: min}), freePort(t)
		r.apply(route.Change{SetListeners: []route.ListenerSpec{https(port)}})
		ports[min] = port
	}
	for _, c := range []struct {
		min  proxy.TLSVersion
		args string
		want string // empty if there is to be no connection
	}{
		{proxy.TLS12, "-servername a.example -verify_hostname a.example", "CN = a.example"},
		{proxy.TLS12, "-servername A.Example", "CN = a.example"},
		{proxy.TLS12, "-noservername", "CN = default.example"},
		{proxy.TLS12, "-servername other.example -tls1_2", "CN = default.example"},
		{proxy.TLS12, "-noservername -tls1_1 -cipher DEFAULT@SECLEVEL=0", ""},
		{proxy.TLS11, "-noservername -tls1_1 -cipher DEFAULT@SECLEVEL=0", "CN = default.example"},
		{proxy.TLS11, "-noservername -tls1 -cipher DEFAULT@SECLEVEL=0", ""},
		{proxy.TLS12, "-noservername -tls1_2 -cipher DHE:kRSA", ""},
	} {
		args := append([]string{"s_client", "-connect", fmt.Sprintf("127.0.0.1:%d", ports[c.min]), "-CAfile", root, "-verify_return_error"}, strings.Fields(c.args)...)
		got, ok := openssl("Q\n", args...)
		subject := ""
		for line := range strings.Lines(got) {
			if strings.HasPrefix(strings.TrimSpace(line), "0 s:") {
				subject = strings.TrimSpace(line)
			}
		}
		if ok != (c.want != "") || ok && !strings.HasSuffix(strings.ReplaceAll(subject, "CN=", "CN = "), c.want) {
			t.Errorf("--tls-min %s, s_client %s: %v, %s", c.min, c.args, ok, got)
		}
	}
}

func TestOpenSSLTalksToATCPServiceThroughTLS(t *testing.T) {
	openssl, a := tool(t, "openssl"), newAuthority(t)
	r, port := newRig(t, proxy.Options{}), freePort(t)
	r.apply(secured(service(route.TCP, port, rawTask(t, func(c net.Conn, r *bufio.Reader) {
		line, _ := r.ReadString('\n')
		io.WriteString(c, "you said "+line) // and closes, which s_client must learn
	})), a.file("a.example")))
	got, ok := openssl("hello\n", "s_client", "-connect", fmt.Sprintf("127.0.0.1:%d", port), "-quiet")
	if !ok || !strings.Contains(got, "you said hello") {
		t.Errorf("%v, %s", ok, got)
	}
}
