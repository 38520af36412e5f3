package differential_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

var (
	firstSeed = flag.Uint64("seed", 1, "seed of the first set of apps and requests")
	setCount  = flag.Int("sets", 12, "sets of apps, each with the next seed")
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
