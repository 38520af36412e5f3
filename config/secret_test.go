package config_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"marathon-lb/config"
)

func TestAServiceAccountIsReadAndItsKeyNeverShown(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	secret, err := json.Marshal(map[string]string{"uid": "lb", "private_key": text, "login_endpoint": "https://leader.mesos/login"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, env []string }{
		{args: []string{"sse", "--group", "x", "--dcos-auth-credentials", string(secret)}},
		{args: []string{"sse", "--group", "x"}, env: []string{"DCOS_SERVICE_ACCOUNT_CREDENTIAL=" + string(secret)}},
	} {
		got, err := config.Parse(c.args, c.env)
		if err != nil || got.Marathon.DCOS.String() != "lb" || strings.Contains(fmt.Sprintf("%+v %#v", got.Notices, got.Marathon.DCOS), "MII") {
			t.Errorf("%v, %v", got.Marathon.DCOS, err)
		}
	}
	bad := strings.Replace(string(secret), "RSA PRIVATE", "PRIVATE", 1)
	for option, c := range map[string]struct{ args, env []string }{
		"--dcos-auth-credentials":         {args: []string{"sse", "--group", "x", "--dcos-auth-credentials=" + bad}},
		"DCOS_SERVICE_ACCOUNT_CREDENTIAL": {args: []string{"sse", "--group", "x"}, env: []string{"DCOS_SERVICE_ACCOUNT_CREDENTIAL=" + bad}},
	} {
		_, err := config.Parse(c.args, c.env)
		if err == nil || !strings.Contains(err.Error(), option) || !strings.Contains(err.Error(), "private_key") || strings.Contains(err.Error(), "MII") {
			t.Errorf("%s: %v", option, err)
		}
	}
}
