package marathon

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// login is the Credentials of a service account. It logs in when there is no token, when the one there is has lived four fifths of
// its life, and when Marathon refused it. One request at a time logs in and the others wait for what it brings. Logins that
// do not help get rarer, so that a broken IAM is not hammered.
type login struct {
	account *ServiceAccount
	http    *http.Client
	now     func() time.Time
	turn    chan struct{} // holds one element: who takes it owns the fields below until it puts it back

	token   string
	renew   time.Time // when to look for the next token
	expires time.Time
	last    time.Time // when the last login was tried
	tries   int       // logins since there was peace for a while
	next    time.Time // no login before
	err     error     // why the last one failed
}

const (
	tokenLife       = time.Hour       // what is asked for, as Marathon-LB does, and believed where a token does not say
	loginPatience   = 5 * time.Second // for a new token while the old one is good still
	longestLogin    = time.Minute     // between two logins that did not help
	mostLoginAnswer = 64 << 10        // bytes
)

// ErrLogin says that there is no token for Marathon.
var ErrLogin = errors.New("login to DC/OS")

var errOnceMore = errors.New("the last tokens were of no use, the next login waits a little")

func newLogin(a *ServiceAccount, c *http.Client) *login {
	l := &login{account: a, http: c, now: time.Now, turn: make(chan struct{}, 1)}
	l.turn <- struct{}{}
	return l
}

// Authorization is "token=" and the token, for which it may have to log in.
func (l *login) Authorization(ctx context.Context) (string, error) {
	select {
	case <-l.turn:
	case <-ctx.Done():
		return "", fmt.Errorf("%w: %w", ErrLogin, ctx.Err())
	}
	defer func() { l.turn <- struct{}{} }()
	now := l.now()
	good := l.token != "" && now.Before(l.expires)
	if good && now.Before(l.renew) {
		return "token=" + l.token, nil
	}
	if !now.Before(l.next) {
		limit := time.Duration(0)
		if good {
			limit = loginPatience
		}
		l.err = l.try(ctx, now, limit)
		good = good || l.err == nil
	}
	if !good {
		return "", fmt.Errorf("%w: %w", ErrLogin, cmp.Or(l.err, errOnceMore))
	}
	return "token=" + l.token, nil
}

// Rejected forgets a token that Marathon refused, unless there is a newer one already.
func (l *login) Rejected(value string) {
	<-l.turn
	defer func() { l.turn <- struct{}{} }()
	if value == "token="+l.token {
		l.token = ""
	}
}

// try logs in, within limit if there is one, and says when that may be tried again: at once after a good one, later and later when
// they follow each other.
func (l *login) try(ctx context.Context, now time.Time, limit time.Duration) error {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	if now.Sub(l.last) > 2*longestLogin {
		l.tries = 0
	}
	token, err := l.ask(ctx, now)
	if err != nil && context.Cause(ctx) == context.Canceled {
		return err // it says nothing of the IAM
	}
	l.last = now
	l.tries++
	if err == nil {
		l.accept(token, now)
	}
	if err != nil || l.tries > 1 {
		l.next = now.Add(jitter(min(time.Second<<min(l.tries-1, 10), longestLogin)))
	}
	return err
}

// accept takes a token into use.
func (l *login) accept(token string, now time.Time) {
	life := expiryOf(token).Sub(now)
	if life <= 0 { // it does not say, or our clock is ahead: then a 401 will tell
		life = tokenLife
	}
	l.token, l.renew, l.expires = token, now.Add(life/5*4), now.Add(life)
}

// ask is the request of a login (marathon-lb.md 2.4). It returns the token of the answer: that of the cookie, or else of the body.
func (l *login) ask(ctx context.Context, now time.Time) (string, error) {
	proof, err := l.account.loginToken(now)
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(struct {
		UID   string `json:"uid"`
		Token string `json:"token"`
		Exp   int64  `json:"exp"` // of the token we want
	}{l.account.uid, proof, now.Add(tokenLife).Unix()})
	if err != nil {
		return "", err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.account.login, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "marathon-lb")
	resp, err := l.http.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return "", fmt.Errorf("%s answers %w", l.account.login, StatusError(resp.StatusCode))
	}
	var answer struct{ Token string }
	err = json.NewDecoder(io.LimitReader(resp.Body, mostLoginAnswer)).Decode(&answer)
	for _, c := range resp.Cookies() {
		if c.Name == "dcos-acs-auth-cookie" && c.Value != "" {
			return c.Value, nil
		}
	}
	if err != nil || answer.Token == "" {
		return "", fmt.Errorf("%s answers without a token", l.account.login)
	}
	return answer.Token, nil
}
