package hacfg_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"marathon-lb/internal/hacfg"
)

func TestWordsAreSplitAsHAProxyDoes(t *testing.T) {
	for line, want := range map[string]string{
		`  timeout server 600s`:                        "timeout|server|600s",
		"\tredirect\tprefix /x\r":                      "redirect|prefix|/x",
		`reqadd X:\ a\ b # why`:                        "reqadd|X: a b",
		`reqrep ^([^\ :]*)\ /a/(.*) \1\ /\2`:           `reqrep|^([^ :]*) /a/(.*)|\1 /\2`,
		`http-request set-header X "a 'b' \"c\" # d"`:  `http-request|set-header|X|a 'b' "c" # d`,
		`http-request set-header X 'a "b" \ $c'`:       `http-request|set-header|X|a "b" \ $c`,
		`acl x hdr(host) -i "" a`:                      "acl|x|hdr(host)|-i||a",
		`a"b c"d`:                                      "ab cd",
		`a\x41\x20\n\\ b\`:                             "aA \n\\|b\\",
		`# only a comment`:                             "",
		`a#b`:                                          "a",
		`a\#b`:                                         "a#b",
		`http-request set-header X-Q %[src] if { a b}`: "http-request|set-header|X-Q|%[src]|if|{|a|b}",
	} {
		words, err := hacfg.Split(line)
		if got := strings.Join(words, "|"); err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", line, got, err, want)
		}
	}
	for _, line := range []string{`a "b`, `a 'b`, `a \x4`, `a \xg1`, `a "$HOME"`} {
		if words, err := hacfg.Split(line); err == nil {
			t.Errorf("%q: got %q, want an error", line, words)
		}
	}
}

func TestLinesKeepTheirNumbers(t *testing.T) {
	lines := hacfg.Read("backend b\n\n  # nothing\n  balance source\n  x \"\n")
	if len(lines) != 3 || lines[0].Number != 1 || lines[1].Number != 4 || lines[1].Text != "balance source" || lines[2].Err == nil {
		t.Errorf("got %+v", lines)
	}
}

func TestConditionsAreReadAndWritten(t *testing.T) {
	for line, want := range map[string]string{
		`deny if { path_beg /a } !in or b`:   `if { path_beg /a } !in || b`,
		`deny unless ! a ! { ssl_fc } || !b`: `unless !a !{ ssl_fc } || !b`,
		`deny if !!a OR b`:                   `if a || b`,
		`deny`:                               ``,
	} {
		words, _ := hacfg.Split(line)
		before, c, err := hacfg.CutCondition(words)
		if err != nil || c.String() != want || len(before) != 1 {
			t.Errorf("%q: got %q %v, %v, want %q", line, before, c, err, want)
		}
	}
	for _, line := range []string{"if", "if a ||", "if || a", "if { a", "if { }", "if }", "if a !", "if ! or a", "if !or", "if a !!||"} {
		if _, c, err := hacfg.CutCondition(strings.Fields(line)); err == nil {
			t.Errorf("%q: got %v, want an error", line, c)
		}
	}
}

func TestTextsAreCutIntoExpressions(t *testing.T) {
	pieces, err := hacfg.ParseText(`a%%%[req.hdr(host),lower,regsub("^(a,b)\"",\,,g)]/%[dst_port]`)
	if err != nil || len(pieces) != 4 || pieces[0].Text != "a%" || pieces[2].Text != "/" {
		t.Fatalf("got %+v, %v", pieces, err)
	}
	e := pieces[1].Expression
	if e.Name != "req.hdr" || !slices.Equal(e.Args, []string{"host"}) || !slices.Equal(e.Then[1].Args, []string{`^(a,b)"`, ",", "g"}) {
		t.Errorf("got %+v", e)
	}
	for _, text := range []string{"%[", "%[a", "%[a(b]", "%[]", "%ci", "%[a b]", "%"} {
		if pieces, err := hacfg.ParseText(text); err == nil {
			t.Errorf("%q: got %+v, want an error", text, pieces)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, text := range []string{
		"backend x\n  timeout server 5s", `reqrep ^([^\ :]*)\ /a/(.*) \1\ /\2`, `a "b # c" 'd' \x41 # e`,
		`http-request set-path %[path,regsub("^/a(b)",\1)] if { path_beg /a } !x or y unless z`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, line := range hacfg.Read(text) {
			again, err := hacfg.Split(hacfg.Join(line.Words...))
			if err != nil || !slices.Equal(again, line.Words) {
				t.Fatalf("%q became %q, %v", line.Words, again, err)
			}
			for _, word := range line.Words {
				pieces, err := hacfg.ParseText(word)
				if err != nil {
					continue
				}
				back, err := hacfg.ParseText(hacfg.JoinText(pieces))
				if err != nil || !reflect.DeepEqual(back, pieces) {
					t.Fatalf("%q was written %q and read %+v, %v", word, hacfg.JoinText(pieces), back, err)
				}
			}
			if _, c, err := hacfg.CutCondition(line.Words); err == nil && c != nil {
				words, err := hacfg.Split(c.String())
				_, back, err2 := hacfg.CutCondition(words)
				if err != nil || err2 != nil || back.String() != c.String() {
					t.Fatalf("%q was written %q and read %q, %v %v", line.Text, c, back, err, err2)
				}
			}
		}
	})
}
