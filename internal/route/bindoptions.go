package route

import "cmp"

// BindOptions are what a bind line asks for besides its address and TLS, by HAProxy's names. They compare with ==.
type BindOptions struct {
	AcceptProxy bool   // each connection begins with a PROXY header, which says whose it is
	Verify      Verify // with TLS: whether clients show a certificate
	CA          string // with Verify: the PEM file of the authorities that sign them
	CALabel     string // the label that names it
	ALPN        string // with TLS: protocols that clients may choose from, by commas; in mode http h2 or both, empty for http/1.1 alone
}

// Verify says whether clients have to show a certificate.
type Verify string

// The ways to verify. One that is shown has to be good either way.
const (
	NoVerify       Verify = ""
	VerifyOptional Verify = "optional"
	VerifyRequired Verify = "required"
)

// With is what both ask for.
func (o BindOptions) With(p BindOptions) BindOptions {
	o.AcceptProxy = o.AcceptProxy || p.AcceptProxy
	o.Verify, o.CA, o.CALabel = cmp.Or(o.Verify, p.Verify), cmp.Or(o.CA, p.CA), cmp.Or(o.CALabel, p.CALabel)
	o.ALPN = cmp.Or(o.ALPN, p.ALPN)
	return o
}

// String has a blank before each word.
func (o BindOptions) String() string {
	b := ""
	if o.AcceptProxy {
		b += " accept-proxy"
	}
	if o.Verify != NoVerify {
		b += " verify=" + string(o.Verify) + " ca=" + o.CA
	}
	if o.ALPN != "" {
		b += " alpn=" + o.ALPN
	}
	return b
}
