package marathontest_test

import (
	"crypto/rand"
	"crypto/rsa"
	"testing"

	"marathon-lb/marathon/marathontest"
)

func TestMarathonBehindDCOSAnswersNobodyWithoutAToken(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	must(t, err)
	s, _ := start(t, marathontest.Options{DCOS: &marathontest.DCOS{UID: "lb", Key: &key.PublicKey}})
	for _, path := range []string{"/v2/apps", "/service/marathon/v2/apps", "/v2/events", "/ping"} {
		if status, _, _ := call(t, s, "GET", path, ""); status != 401 {
			t.Errorf("%s: %d", path, status)
		}
	}
	for body, want := range map[string]int{
		`{`:                          400,
		`{}`:                         401,
		`{"uid":"lb","token":"a.b"}`: 401,
		`{"uid":"lb","token":"eyJhbGciOiJub25lIn0.eyJ1aWQiOiJsYiIsImV4cCI6OTk5OTk5OTk5OX0."}`: 401,
	} {
		if status, _, _ := call(t, s, "POST", marathontest.LoginPath, body); status != want {
			t.Errorf("login with %s: %d, want %d", body, status, want)
		}
	}
	if s.Logins() != 0 || s.Refusals() != 4 {
		t.Errorf("%d logins, %d refusals", s.Logins(), s.Refusals())
	}
}
