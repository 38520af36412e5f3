package marathontest

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// LoginPath is where service accounts log in to DC/OS. With Options.DCOS, Marathon is at /service/marathon, too.
const LoginPath = "/acs/api/v1/auth/login"

// DCOS is the part of DC/OS that stands before Marathon: one service account and the tokens it gets.
type DCOS struct {
	UID      string
	Key      *rsa.PublicKey
	Life     time.Duration // of a token, if the login asks for no shorter one; 5 days if 0
	BodyOnly bool          // the token is in the answer's body, and there is no cookie
}

// Logins is how many logins to DC/OS were good so far.
func (s *Server) Logins() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logins
}

// Refusals is how many requests of Marathon came without a good token.
func (s *Server) Refusals() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refusals
}

// RevokeTokens makes all tokens given out so far worthless. Streams that are open stay so, as in DC/OS.
func (s *Server) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// hasToken says that a request may pass: it has a good token, or wants one, or is for the simulator itself.
func (s *Server) hasToken(r *http.Request) bool {
	if r.URL.Path == LoginPath || strings.HasPrefix(r.URL.Path, "/sim/") {
		return true
	}
	token, named := strings.CutPrefix(r.Header.Get("Authorization"), "token=")
	s.mu.Lock()
	defer s.mu.Unlock()
	if end, known := s.tokens[token]; named && known && time.Now().Before(end) {
		return true
	}
	s.refusals++
	return false
}

// login is POST /acs/api/v1/auth/login.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	text, err := body(w, r)
	var wish struct {
		UID, Token string
		Exp        int64
	}
	if err == nil && json.Unmarshal(text, &wish) != nil {
		err = badRequest("Invalid JSON")
	}
	if r.Method != http.MethodPost {
		err = &Error{Status: http.StatusMethodNotAllowed, Message: "POST, please"}
	} else if err == nil && !s.o.DCOS.proves(wish.UID, wish.Token, time.Now()) {
		err = &Error{Status: http.StatusUnauthorized, Message: "Invalid credentials"}
	}
	if err != nil {
		refuse(w, r, err)
		return
	}
	token := s.grant(wish.Exp)
	if !s.o.DCOS.BodyOnly {
		http.SetCookie(w, &http.Cookie{Name: "dcos-acs-auth-cookie", Value: token, Path: "/", HttpOnly: true})
	}
	reply(w, r, http.StatusOK, map[string]string{"token": token})
}

// grant makes a token that ends at the Unix time asked for, 0 for none, or earlier.
func (s *Server) grant(exp int64) string {
	life := s.o.DCOS.Life
	setDefault(&life, 5*24*time.Hour)
	end := time.Now().Add(life)
	if asked := time.Unix(exp, 0); exp > 0 && asked.Before(end) {
		end = asked
	}
	claims, _ := json.Marshal(map[string]any{"uid": s.o.DCOS.UID, "exp": end.Unix()})
	s.mu.Lock()
	defer s.mu.Unlock()
	b64 := base64.RawURLEncoding
	token := b64.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + b64.EncodeToString(claims) + "." + b64.EncodeToString([]byte(s.uuid()))
	s.tokens[token] = end
	s.logins++
	s.touch()
	return token
}

// proves says whether a JWT is the account's own and not over.
func (d *DCOS) proves(uid, token string, now time.Time) bool {
	head, rest, _ := strings.Cut(token, ".")
	claims, signature, _ := strings.Cut(rest, ".")
	var header struct{ Alg, Typ string }
	var says struct {
		UID string
		Exp int64
	}
	sum := sha256.Sum256([]byte(head + "." + claims))
	return decode(head, &header) && header.Alg == "RS256" && decode(claims, &says) && uid == d.UID && says.UID == uid &&
		now.Unix() < says.Exp && rsa.VerifyPKCS1v15(d.Key, crypto.SHA256, sum[:], unbase64(signature)) == nil
}

func decode(part string, into any) bool { return json.Unmarshal(unbase64(part), into) == nil }

func unbase64(text string) []byte {
	b, _ := base64.RawURLEncoding.DecodeString(text)
	return b
}
