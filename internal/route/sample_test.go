package route_test

import (
	"testing"

	"marathon-lb/internal/hacfg"
	"marathon-lb/internal/route"
)

func TestTheVersionsOfHTTPAreKnownByName(t *testing.T) {
	for name, version := range map[string]string{"HTTP_1.0": "1.0", "HTTP_1.1": "", "HTTP_2.0": "2.0"} {
		_, words, err := hacfg.CutCondition([]string{"if", name})
		if err != nil {
			t.Fatal(err)
		}
		c, err := route.NewCondition(words, func(string) *route.ACL { return nil })
		if err != nil {
			t.Fatal(err)
		}
		for _, asked := range []string{"1.0", "", "2.0"} {
			if got := c.Holds(&route.Request{Version: asked}, nil); got != (asked == version) {
				t.Errorf("%s of a request in version %q: %v", name, asked, got)
			}
		}
	}
}
