package marathon

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/url"
	"strings"
	"time"
)

// ServiceAccount is an account of DC/OS that logs in with a key instead of a password (marathon-lb.md 2.4).
type ServiceAccount struct {
	uid   string
	login string // URL to POST to
	key   *rsa.PrivateKey
}

// String is the name of the account. Nothing that prints one shows its key.
func (a *ServiceAccount) String() string {
	if a == nil {
		return ""
	}
	return a.uid
}

// GoString is String: the key is not shown in %#v either.
func (a *ServiceAccount) GoString() string { return a.String() }

// ParseServiceAccount reads the JSON of a service account's secret: uid, private_key (PEM) and login_endpoint; other members say
// nothing to us. Its errors quote nothing of the text, for that holds the key.
func ParseServiceAccount(text string) (*ServiceAccount, error) {
	var secret struct {
		UID   string `json:"uid"`
		Key   string `json:"private_key"`
		Login string `json:"login_endpoint"`
	}
	if err := json.Unmarshal([]byte(text), &secret); err != nil {
		return nil, errors.New("it must be a JSON object with the strings uid, private_key and login_endpoint")
	}
	for _, member := range [][2]string{{"uid", secret.UID}, {"private_key", secret.Key}, {"login_endpoint", secret.Login}} {
		if member[1] == "" {
			return nil, errors.New("the JSON has no " + member[0])
		}
	}
	u, err := url.Parse(secret.Login)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("login_endpoint must be a URL such as https://leader.mesos/acs/api/v1/auth/login")
	}
	a := &ServiceAccount{uid: secret.UID, login: secret.Login}
	if a.key, err = rsaKey(secret.Key); err != nil {
		return nil, err
	}
	return a, nil
}

func rsaKey(text string) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("private_key is not PEM")
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		other, _ := x509.ParsePKCS8PrivateKey(block.Bytes)
		key, _ = other.(*rsa.PrivateKey)
	}
	if key == nil {
		return nil, errors.New("private_key is not the PEM of an RSA private key")
	}
	if _, err := sign(key, ""); err != nil {
		return nil, errors.New("private_key cannot sign: is it shorter than 1024 bits?")
	}
	return key, nil
}

// loginToken proves for a minute that we hold the account's key: a JWT (RFC 7519) signed by RS256.
func (a *ServiceAccount) loginToken(now time.Time) (string, error) {
	claims, err := json.Marshal(struct {
		UID string `json:"uid"`
		Exp int64  `json:"exp"`
	}{a.uid, now.Add(time.Minute).Unix()})
	if err != nil {
		return "", err
	}
	b64 := base64.RawURLEncoding
	signed := b64.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + b64.EncodeToString(claims)
	signature, err := sign(a.key, signed)
	return signed + "." + b64.EncodeToString(signature), err
}

func sign(key *rsa.PrivateKey, text string) ([]byte, error) {
	sum := sha256.Sum256([]byte(text))
	return rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
}

// expiryOf is when a token ends by its own word, zero if it does not say.
func expiryOf(token string) time.Time {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	var claims struct {
		Exp float64 `json:"exp"`
	}
	if err != nil || json.Unmarshal(text, &claims) != nil || claims.Exp <= 0 || claims.Exp > 1e11 {
		return time.Time{}
	}
	return time.Unix(int64(claims.Exp), 0)
}
