package proxy

import "time"

// Budget and its method are there for tests.
type Budget struct{ budget }

func (b *Budget) Take(now time.Time, inFlight int64) bool { return b.take(now, inFlight) }

// ReadPEM is for tests, the fuzz test among them.
var ReadPEM = readPEM
