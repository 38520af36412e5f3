package h1_test

import (
	"testing"

	"marathon-lb/internal/h1"
)

func TestEveryFaultHasItsWordsAndStatus(t *testing.T) {
	words := map[string]h1.Fault{}
	for f := h1.None + 1; f <= h1.Cut; f++ {
		if other, ok := words[f.Error()]; ok || f.Error() == "" || f.Status() < 400 || f.Status() > 599 {
			t.Errorf("fault %d: %q, %d; as %d", f, f.Error(), f.Status(), other)
		}
		words[f.Error()] = f
	}
	for f, want := range map[h1.Fault]int{
		h1.BadSyntax: 400, h1.BadVersion: 505, h1.MethodRefused: 405, h1.TargetTooLong: 414, h1.HeadTooLarge: 431, h1.TooManyFields: 431, h1.UnknownCoding: 501,
	} {
		if f.Status() != want {
			t.Errorf("%v: %d, want %d", f, f.Status(), want)
		}
	}
}

func TestTokensAreFoundWhereTheyStandAlone(t *testing.T) {
	for list, want := range map[string]bool{
		"close": true, "CLOSE": true, "a,close": true, " close\t,a": true, ",,close,": true, "": false, "closed": false, "a close": false, "close;q=1": false, "clos": false, "clo,se": false, "\"close\"": false,
	} {
		if got := h1.HasToken([]byte(list), "close"); got != want {
			t.Errorf("%q: %v", list, got)
		}
	}
	for word, want := range map[string]bool{"te-x": true, "TE-X": true, "te\rx": false, "TE\x0dX": false, "te-": false, "te-xx": false} {
		if got := h1.EqualFold([]byte(word), "te-x"); got != want {
			t.Errorf("%q: %v", word, got)
		}
	}
}
