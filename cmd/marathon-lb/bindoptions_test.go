package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"marathon-lb/marathon/marathontest"
)

// sayTo sends text to an address, over TLS if there is a configuration, and returns what comes back.
func sayTo(addr string, c *tls.Config, text string) string {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	if c != nil {
		conn = tls.Client(conn, c)
	}
	io.WriteString(conn, text)
	got, _ := io.ReadAll(conn)
	return string(got)
}

// certAndTemplate makes a PEM file for a.example, and has the test run where templates/ holds that one.
func certAndTemplate(t *testing.T, name, text string) (pem string) {
	t.Helper()
	pem = filepath.Join(t.TempDir(), "cert.pem")
	t.Chdir(t.TempDir())
	err := os.Mkdir("templates", 0o755)
	err = cmp.Or(err, os.WriteFile("templates/HAPROXY_"+name, []byte(text), 0o600), os.WriteFile(pem, []byte(certificate(t, "a.example")), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return pem
}

func TestBindOptionsOfLabelsAndTemplatesReachClients(t *testing.T) {
	pem := certAndTemplate(t, "HTTP_FRONTEND_HEAD", "frontend marathon_http_in\n  bind *:80 accept-proxy\n  mode http\n")
	r := newRig(t, marathontest.Options{Handler: tell})
	ports := []int{freePort(t), freePort(t), freePort(t)}
	create(t, r.sim, app("/proxied", ports[0], 1, "HAPROXY_0_BIND_OPTIONS", "accept-proxy", "HAPROXY_0_VHOST", "a.example"))
	create(t, r.sim, app("/verified", ports[1], 1, "HAPROXY_0_BIND_OPTIONS", "ssl crt "+pem+" ca-file "+pem+" verify required"))
	create(t, r.sim, app("/closed", ports[2], 1, "HAPROXY_0_BIND_OPTIONS", "ssl crt "+pem+" ca-file /nowhere/ca.pem verify required"))

	const request, header = "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n", "PROXY TCP4 192.0.2.1 198.51.100.2 12345 443\r\n"
	for _, addr := range []string{loopback(ports[0]), strings.TrimPrefix(r.http, "http://")} {
		eventually(t, "the header's client is told of", func() bool { return strings.Contains(sayTo(addr, nil, header+request), "forwarded=192.0.2.1\n") })
		if got := sayTo(addr, nil, request); got != "" {
			t.Errorf("without a header: got %q", got)
		}
	}
	own, err := tls.LoadX509KeyPair(pem, pem)
	if err != nil {
		t.Fatal(err)
	}
	show, without := &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{own}}, &tls.Config{InsecureSkipVerify: true}
	eventually(t, "a client with a certificate gets in", func() bool { return strings.Contains(sayTo(loopback(ports[1]), show, request), "task=") })
	eventually(t, "the missing file is a problem", func() bool { return len(problems(t, r.stats)) == 1 })
	for _, addr := range []string{loopback(ports[1]), loopback(ports[2])} {
		if got := sayTo(addr, without, request); got != "" {
			t.Errorf("without a certificate: got %q", got)
		}
	}
	if got := sayTo(loopback(ports[2]), show, request); got != "" {
		t.Errorf("without authorities: got %q", got)
	}
	const want = "/closed HAPROXY_0_BIND_OPTIONS /nowhere/ca.pem"
	if all := problems(t, r.stats); len(all) != 1 || fmt.Sprint(all[0].App, " ", all[0].Label, " ", all[0].Value) != want || all[0].Remedy == "" {
		t.Errorf("problems %+v, want one: %s", all, want)
	}
}

func TestHTTP2IsSpokenWhereALabelOrATemplateOffersIt(t *testing.T) {
	pem := certAndTemplate(t, "HTTPS_FRONTEND_HEAD", "frontend marathon_https_in\n  bind *:443 ssl {sslCerts} alpn h2,http/1.1\n  mode http\n")
	r, port := newRig(t, marathontest.Options{Handler: tell}), freePort(t)
	create(t, r.sim, app("/a", port, 1, "HAPROXY_0_BIND_OPTIONS", "ssl crt "+pem+" alpn h2,http/1.1", "HAPROXY_0_VHOST", "a.example"))
	for _, addr := range []string{loopback(port), strings.TrimPrefix(r.https, "https://")} {
		client := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, Protocols: new(http.Protocols),
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "tcp", addr)
			}}
		client.Protocols.SetHTTP2(true)
		defer client.CloseIdleConnections()
		eventually(t, "it is served in HTTP/2", func() bool {
			req, _ := http.NewRequest("GET", "https://a.example/", nil)
			resp, err := client.RoundTrip(req)
			if err != nil {
				return false
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			return resp.Proto == "HTTP/2.0" && strings.Contains(string(body), "task=")
		})
	}
	if all := problems(t, r.stats); len(all) != 0 {
		t.Errorf("problems %+v", all)
	}
	if _, config := get(r.stats + "/_haproxy_getconfig"); !strings.Contains(config, " alpn h2,http/1.1") || strings.Contains(config, "alpn http/1.1") {
		t.Errorf("the configuration says\n%s", config)
	}
}
