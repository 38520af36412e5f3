package config

import (
	"errors"
	"fmt"
	"github.com/agnivade/levenshtein"
	"regexp"
	"slices"
	"strings"
)

// argv reads arguments as Python's argparse did for marathon_lb.py.
type argv struct {
	rows rowSets
	hint string   // what may stand first
	in   []string // what is still to be read
	out  []string // plain flags
}

// rowSets are the flags of a verb. A prefix of a name means one of the first set that has a flag for it.
type rowSets [][]row

// balancing are the flags of the load balancer.
func balancing() rowSets { return rowSets{python, own} }

// plain turns the habits of marathon_lb.py's users into plain flags, "--name" or "--name=value", one argument each: "sse" or
// "poll" as first argument, several values after one flag, unambiguous prefixes of names, short flags in a cluster. What is
// plain already stays as it is.
func plain(args []string) ([]string, error) {
	a := argv{rows: balancing(), hint: "only sse or poll may stand first, ", in: args}
	if len(args) > 0 && (args[0] == string(SSE) || args[0] == string(Poll)) {
		a.in = args[1:]
		if args[0] == string(SSE) {
			a.out = append(a.out, "--sse")
		}
	}
	return a.all()
}

func (a *argv) all() ([]string, error) {
	for len(a.in) > 0 {
		word := a.in[0]
		a.in = a.in[1:]
		if err := a.read(word); err != nil {
			return nil, err
		}
	}
	return a.out, nil
}

func (a *argv) read(word string) error {
	switch {
	case word == "--" && len(a.in) == 0:
		return nil
	case word == "--":
		return a.unexpected(a.in[0])
	case !isFlag(word):
		return a.unexpected(word)
	case !strings.HasPrefix(word, "--"):
		return a.cluster(word)
	}
	name, value, has := strings.Cut(word[2:], "=")
	r, err := a.rows.find(name)
	if err != nil {
		return err
	}
	return a.flag(r, value, has)
}

func (a *argv) unexpected(word string) error {
	return fmt.Errorf("%q: unexpected argument; %sa value must follow its flag", word, a.hint)
}

var number = regexp.MustCompile(`^-\d*\.?\d+$`)

// isFlag tells a flag from a value as argparse does: a negative number is a value, and so is a dash, or a word with a space
// unless the space stands behind "=".
func isFlag(word string) bool {
	name, _, _ := strings.Cut(word, "=")
	return len(word) > 1 && word[0] == '-' && !number.MatchString(word) && !strings.Contains(name, " ")
}

// cluster reads short flags: -H, -sH, -mURL, -m=URL, -sHm URL.
func (a *argv) cluster(word string) error {
	short := a.rows[0]
	for letters := word[1:]; letters != ""; {
		i := slices.IndexFunc(short, func(r row) bool { return r.short == letters[:1] })
		if i < 0 {
			return fmt.Errorf("%s: there is no flag -%.1s; --help lists the flags", word, letters)
		}
		letters = letters[1:]
		if value, has := strings.CutPrefix(letters, "="); has || short[i].arg != "" {
			return a.flag(short[i], value, letters != "")
		}
		if err := a.flag(short[i], "", false); err != nil {
			return err
		}
	}
	return nil
}

// flag writes one plain flag; it takes the values that follow if the flag wants some and has none yet.
func (a *argv) flag(r row, value string, has bool) error {
	plain := "--" + r.long
	if r.arg != "" && !has {
		n := a.values(r.several)
		if n == 0 {
			return fmt.Errorf("%s needs a value: %s %s", plain, plain, r.arg)
		}
		value, has = strings.Join(a.in[:n], " "), true
		a.in = a.in[n:]
	}
	if r.several {
		a.out = slices.DeleteFunc(a.out, func(s string) bool { return strings.HasPrefix(s, plain+"=") })
	}
	if has {
		plain += "=" + value
	}
	a.out = append(a.out, plain)
	return nil
}

// values counts the values at the head of what is still to be read.
func (a *argv) values(several bool) int {
	n := slices.IndexFunc(a.in, isFlag)
	if n < 0 {
		n = len(a.in)
	}
	if !several {
		n = min(n, 1)
	}
	return n
}

// find finds a flag by its name or an unambiguous prefix of it. A prefix means a flag of marathon_lb.py if it can, so that
// flags of our own never make an old command line ambiguous.
func (sets rowSets) find(name string) (row, error) {
	for _, rows := range sets {
		if i := slices.IndexFunc(rows, func(r row) bool { return r.long == name }); i >= 0 {
			return rows[i], nil
		}
	}
	for _, rows := range sets {
		var fit []row
		for _, r := range rows {
			if name != "" && strings.HasPrefix(r.long, name) {
				fit = append(fit, r)
			}
		}
		switch len(fit) {
		case 0:
		case 1:
			return fit[0], nil
		default:
			return row{}, fmt.Errorf("--%s is ambiguous: it may mean --%s or --%s", name, fit[0].long, fit[1].long)
		}
	}
	return row{}, sets.unknown(name)
}

func (sets rowSets) unknown(name string) error {
	nearest, least := "", 1+min(3, len(name)/2) // more typing errors than that make another word
	for _, r := range slices.Concat(sets...) {
		if d := levenshtein.ComputeDistance(name, r.long); d < least {
			nearest, least = r.long, d
		}
	}
	if nearest == "" {
		return errors.New("unknown flag --" + name + ": --help lists the flags")
	}
	return errors.New("unknown flag --" + name + ": did you mean --" + nearest + "?")
}
