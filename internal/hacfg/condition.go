package hacfg

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Condition is what follows a rule: if or unless, and alternatives each of which is a list of terms that all have to hold.
type Condition struct {
	Unless bool
	Any    [][]Term
}

// Term is the name of an acl, or a test in braces.
type Term struct {
	Not  bool
	Name string   // empty for a test
	Test []string // words between the braces
}

// CutCondition takes the condition off the end of a line's words; nil if there is none. A word "if" that is quoted looks the same as one
// that is not, as it does to HAProxy.
func CutCondition(words []string) (before []string, c *Condition, err error) {
	at := slices.IndexFunc(words, func(w string) bool { return w == "if" || w == "unless" })
	if at < 0 {
		return words, nil, nil
	}
	c = &Condition{Unless: words[at] == "unless"}
	c.Any, err = parseTerms(words[at+1:])
	return words[:at], c, err
}

func parseTerms(words []string) ([][]Term, error) {
	if end := slices.Index(words, ""); end >= 0 { // to HAProxy an empty word is the end of the line
		words = words[:end]
	}
	all, not := [][]Term{nil}, false
	for i := 0; i < len(words); i++ {
		word := words[i]
		if last := &all[len(all)-1]; isOr(word) {
			if len(*last) == 0 || not {
				return nil, fmt.Errorf("nothing stands before %q", word)
			}
			all = append(all, nil)
			continue
		}
		for strings.HasPrefix(word, "!") {
			not, word = !not, word[1:]
		}
		switch {
		case word == "": // the ! stands alone
			continue
		case isOr(word):
			return nil, fmt.Errorf("%q is no name of an acl", word)
		case word == "{":
			end := slices.Index(words[i+1:], "}")
			if end <= 0 {
				return nil, errors.New("a test in braces is empty or does not end")
			}
			all[len(all)-1] = append(all[len(all)-1], Term{Not: not, Test: words[i+1 : i+1+end]})
			i += end + 1
		case word == "}":
			return nil, errors.New("a } without a {")
		default:
			all[len(all)-1] = append(all[len(all)-1], Term{Not: not, Name: word})
		}
		not = false
	}
	if len(all[len(all)-1]) == 0 || not {
		return nil, errors.New("the condition is not complete")
	}
	return all, nil
}

// isOr says that a word stands between alternatives. No acl can have it for a name.
func isOr(word string) bool { return word == "||" || strings.EqualFold(word, "or") }

// String is the condition as HAProxy reads it.
func (c *Condition) String() string {
	if c == nil {
		return ""
	}
	word := "if"
	if c.Unless {
		word = "unless"
	}
	var any []string
	for _, terms := range c.Any {
		var all []string
		for _, t := range terms {
			all = append(all, t.String())
		}
		any = append(any, strings.Join(all, " "))
	}
	return word + " " + strings.Join(any, " || ")
}

// String is the term as HAProxy reads it.
func (t Term) String() string {
	b := ""
	if t.Not {
		b = "!"
	}
	if t.Name != "" {
		return b + Quote(t.Name)
	}
	return b + "{ " + Join(t.Test...) + " }"
}
