package differential_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"go.uber.org/zap"

	"marathon-lb/internal/haproxy"
	"marathon-lb/internal/route"
	"marathon-lb/proxy"
)

// The addresses of the sides: each opens the same ports at its own.
var (
	loopSide    = netip.MustParseAddr("127.0.0.1")
	haproxySide = netip.MustParseAddr("127.0.0.2")
	nethttpSide = netip.MustParseAddr("127.0.0.3")
)

// at is a spec as a side opens it.
func at(side netip.Addr, s route.Spec) route.Spec {
	moved := route.Spec{Backends: s.Backends}
	for _, l := range s.Listeners {
		l.Bind = netip.AddrPortFrom(side, l.Bind.Port())
		moved.Listeners = append(moved.Listeners, l)
	}
	return moved
}

// startProxy serves a spec until the test ends.
func startProxy(t *testing.T, s route.Spec, o proxy.Options) *proxy.Proxy {
	t.Helper()
	p := proxy.New(o, zap.NewNop())
	if err := p.Apply(s.Change(time.Now())); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { p.Run(ctx); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended })
	return p
}

// startHAProxy serves a spec until the test ends.
func startHAProxy(t *testing.T, program string, s route.Spec, o haproxy.Options) {
	t.Helper()
	var binds []netip.AddrPort
	for _, l := range s.Listeners {
		binds = append(binds, l.Bind)
	}
	runHAProxy(t, program, haproxy.Config(s, o), binds)
}

// runHAProxy has HAProxy carry out a configuration until the test ends.
func runHAProxy(t *testing.T, program, config string, binds []netip.AddrPort) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(program, "-c", "-f", file).CombinedOutput(); err != nil {
		t.Fatalf("haproxy -c: %v\n%s\n%s", err, out, config)
	}
	var said bytes.Buffer
	cmd := exec.Command(program, "-db", "-f", file)
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("%s\nhaproxy said: %s", config, said.String())
		}
	})
	deadline := time.Now().Add(30 * time.Second)
	for _, bind := range binds {
		for c, err := net.Dial("tcp", bind.String()); ; c, err = net.Dial("tcp", bind.String()) {
			if err == nil {
				c.Close()
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("HAProxy does not listen: %v", err)
			}
			time.Sleep(2 * time.Millisecond)
		}
	}
}

// freePorts are ports that all sides can open.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for port := 20000 + os.Getpid()%7000; len(ports) < n && port < 32000; port++ {
		if !slices.ContainsFunc([]netip.Addr{loopSide, haproxySide, nethttpSide}, func(side netip.Addr) bool { return !free(side, port) }) {
			ports = append(ports, port)
		}
	}
	if len(ports) < n {
		t.Fatal("too few free ports")
	}
	return ports
}

func free(side netip.Addr, port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort(side.String(), strconv.Itoa(port)))
	if err != nil {
		return false
	}
	l.Close()
	return true
}

// certificate makes a PEM file for any host.
func certificate(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "*"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
	}
	cert, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	file := filepath.Join(t.TempDir(), "cert.pem")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
