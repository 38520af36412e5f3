package config_test

import (
	"slices"
	"strings"
	"testing"

	"marathon-lb/config"
)

func TestArgvTakesTheHabitsOfMarathonLB(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"sse --group external", "--sse --group=external"},
		{"poll --group external", "--group=external"},
		{"--sse --group=a --group b", "--sse --group=a --group=b"},
		{"-m http://a http://b --group x", "--marathon=http://a|http://b --group=x"},
		{"-m http://a --group x -m http://b http://c", "--group=x --marathon=http://b|http://c"},
		{"-mhttp://a", "--marathon=http://a"},
		{"-m=http://a", "--marathon=http://a"},
		{"-sHm http://a", "--sse --health-check --marathon=http://a"},
		{"-sH", "--sse --health-check"},
		{"-H=false", "--health-check=false"},
		{"--health --strict", "--health-check --strict-mode"},
		{"--re 5", "--reload-interval=5"}, // marathon_lb.py's before our own --resync-interval
		{"--resync 5", "--resync-interval=5"},
		{"--max-reload-retries -1", "--max-reload-retries=-1"},
		{"-c -x|y", "--command=-x|y"},
		{"--ssl-certs=", "--ssl-certs="},
		{"--sse --", "--sse"},
	} {
		var args []string
		for _, a := range strings.Fields(c.args) {
			args = append(args, strings.ReplaceAll(a, "|", " ")) // "|" is a space within one argument
		}
		got, err := config.Plain(args)
		if err != nil {
			t.Errorf("%s: %v", c.args, err)
			continue
		}
		for i := range got {
			got[i] = strings.ReplaceAll(got[i], " ", "|")
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s: got %s, want %s", c.args, text, c.want)
		}
	}
}

func TestArgvSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"sse --gruop external", "unknown flag --gruop: did you mean --group?"},
		{"sse --quite-another-thing", "unknown flag --quite-another-thing: --help lists the flags"},
		{"sse --log x", "--log is ambiguous: it may mean --log-format or --log-level"},
		{"sse -x", "-x: there is no flag -x; --help lists the flags"},
		{"sse -sse", "-sse: there is no flag -e; --help lists the flags"},
		{"sse --group --sse", "--group needs a value: --group NAME"},
		{"sse --marathon", "--marathon needs a value: --marathon URL [URL ...]"},
		{"event --group x", `"event": unexpected argument; only sse or poll may stand first, a value must follow its flag`},
		{"--group a b", `"b": unexpected argument; only sse or poll may stand first, a value must follow its flag`},
		{"--sse -- x", `"x": unexpected argument; only sse or poll may stand first, a value must follow its flag`},
	} {
		_, err := config.Plain(strings.Fields(c.args))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", c.args, err, c.want)
		}
	}
}

// FuzzArgv takes one argument a line.
func FuzzArgv(f *testing.F) {
	for _, seed := range []string{
		"sse\n-m\nhttp://a\nhttp://b\n--group\nexternal\n-H", "poll\n-sHmx\n--\n", "--=\n-\n-=\n--a b\n-1\n-1.5", "--marathon= \n-m\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, lines string) {
		once, err := config.Plain(strings.Split(lines, "\n"))
		if err != nil {
			return
		}
		twice, err := config.Plain(once)
		if err != nil || !slices.Equal(once, twice) {
			t.Errorf("%q becomes %q, and that %q, %v", lines, once, twice, err)
		}
		_, _ = config.Parse(once, nil) // it must not panic
	})
}
