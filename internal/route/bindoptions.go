package route

// BindOptions are what a bind line asks for besides its address and TLS, by HAProxy's names. They compare with ==.
type BindOptions struct {
	AcceptProxy bool // each connection begins with a PROXY header, which says whose it is
}

// With is what both ask for.
func (o BindOptions) With(p BindOptions) BindOptions {
	o.AcceptProxy = o.AcceptProxy || p.AcceptProxy
	return o
}

// String has a blank before each word.
func (o BindOptions) String() string {
	b := ""
	if o.AcceptProxy {
		b += " accept-proxy"
	}
	return b
}
