package route

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-crypt/crypt/algorithm"
	"github.com/go-crypt/crypt/algorithm/bcrypt"
	"github.com/go-crypt/crypt/algorithm/md5crypt"
	"github.com/go-crypt/crypt/algorithm/shacrypt"
)

// Auth asks for HTTP basic authentication (RFC 7617) by one user.
type Auth struct {
	Realm string
	User  string
	Hash  string // of the password, as crypt(3) makes it
}

// hashes are the forms of crypt(3) that are understood, by how they begin.
var hashes = map[string]func(string) (algorithm.Digest, error){
	"$1$": md5crypt.Decode, "$5$": shacrypt.Decode, "$6$": shacrypt.Decode,
	"$2a$": bcrypt.Decode, "$2b$": bcrypt.Decode, "$2y$": bcrypt.Decode,
}

// The costliest hashes that are taken: each needs about half a second for one password.
const (
	mostRounds = 1_000_000 // of $5$ and $6$
	mostCost   = 13        // of $2y$, a power of two
)

// ParseAuth reads Marathon-LB's realm:user:hash. Its error says what is wrong with the text.
func ParseAuth(text string) (*Auth, error) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return nil, errors.New("it is not realm:user:password with two colons")
	}
	a := &Auth{Realm: strings.TrimSpace(parts[0]), User: parts[1], Hash: strings.TrimSpace(parts[2])}
	switch {
	case a.User == "":
		return nil, errors.New("it names no user")
	case strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return nil, errors.New("it has a control character")
	}
	if _, err := a.digest(); err != nil {
		return nil, err
	}
	return a, nil
}

// digest reads the hash.
func (a *Auth) digest() (algorithm.Digest, error) {
	form := ""
	if i := strings.IndexByte(strings.TrimPrefix(a.Hash, "$"), '$'); i > 0 && a.Hash[0] == '$' {
		form = a.Hash[:i+2]
	}
	decode := hashes[form]
	if decode == nil {
		return nil, errors.New("the password is no hash of a form that is understood: $6$, $5$, $1$ or $2y$")
	}
	d, err := decode(a.Hash)
	if err != nil {
		return nil, errors.New("the password's hash cannot be read") // the library's error may quote it
	}
	return d, a.affordable()
}

// affordable refuses hashes that would keep a processor busy for long with each password.
func (a *Auth) affordable() error {
	words := strings.Split(a.Hash, "$")
	if rounds, ok := strings.CutPrefix(words[2], "rounds="); ok {
		if n, err := strconv.Atoi(rounds); err != nil || n > mostRounds {
			return fmt.Errorf("the password's hash wants %s rounds; at most %d are computed", rounds, mostRounds)
		}
	}
	if strings.HasPrefix(a.Hash, "$2") {
		if n, err := strconv.Atoi(words[2]); err != nil || n > mostCost {
			return fmt.Errorf("the password's hash has a cost of %s; at most %d is computed", words[2], mostCost)
		}
	}
	return nil
}

// longestPassword is where crypt(3) ends, too. What SHA-crypt costs grows with the square of the length.
const longestPassword = 512

// Verify says whether these are the user and the password. It takes milliseconds, by the purpose of such hashes.
func (a *Auth) Verify(user, password string) bool {
	d, err := a.digest()
	if err != nil || len(password) > longestPassword {
		return false
	}
	known := subtle.ConstantTimeCompare([]byte(user), []byte(a.User)) == 1
	return d.Match(password) && known
}
