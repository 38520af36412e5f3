// Package hacfg reads the syntax of HAProxy's configuration, and writes it: lines and words with their quoting (words.go), conditions
// (condition.go), expressions and texts with expressions in them (expression.go). It has no opinion on what any of it means.
package hacfg

import (
	"fmt"
	"strings"
)

// Line is a line that has words.
type Line struct {
	Number int    // in the text, from 1
	Text   string // as it stands, without the blanks around it
	Words  []string
	Err    error // what is wrong with it; then Words are those before the fault
}

// Read splits a text into lines and words. Lines without words are left out.
func Read(text string) []Line {
	var lines []Line
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		words, err := Split(line)
		if len(words) > 0 || err != nil {
			lines = append(lines, Line{Number: number, Text: strings.TrimSpace(line), Words: words, Err: err})
		}
	}
	return lines
}

// Split splits one line into words as HAProxy does: blanks separate, \ and quotes protect, # begins a comment.
func Split(line string) ([]string, error) {
	s := splitter{rest: line}
	for s.rest != "" {
		if done, err := s.step(); err != nil || done {
			s.end()
			return s.words, err
		}
	}
	if s.quote != 0 {
		return s.words, fmt.Errorf("the quote %c does not end", s.quote)
	}
	s.end()
	return s.words, nil
}

type splitter struct {
	rest  string
	words []string
	word  []byte
	begun bool // there is a word, if only an empty one in quotes
	quote byte // that is open, 0 for none
}

func (s *splitter) emit(c byte) { s.word, s.begun = append(s.word, c), true }

func (s *splitter) end() {
	if s.begun {
		s.words = append(s.words, string(s.word))
	}
	s.word, s.begun = s.word[:0], false
}

// step takes one character, or what stands for one.
func (s *splitter) step() (done bool, err error) {
	c := s.rest[0]
	s.rest = s.rest[1:]
	switch {
	case c == '\r' || c == 0:
		return true, nil
	case c == '#' && s.quote == 0:
		return true, nil
	case c == s.quote:
		s.quote = 0
	case (c == '"' || c == '\'') && s.quote == 0:
		s.quote, s.begun = c, true
	case c == '\\' && s.quote != '\'':
		return false, s.escape()
	case c == '$' && s.quote == '"':
		return false, fmt.Errorf("a variable of HAProxy's environment is not known here")
	case isBlank(c) && s.quote == 0:
		s.end()
	default:
		s.emit(c)
	}
	return false, nil
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\v' || c == '\f' }

// escape takes what follows a backslash. Where that has no meaning, as in \1, the backslash stays.
func (s *splitter) escape() error {
	if s.rest == "" {
		s.emit('\\')
		return nil
	}
	c := s.rest[0]
	switch {
	case strings.IndexByte(` \#"`, c) >= 0, c == '\'' && s.quote == 0, c == '$' && s.quote == '"':
	case c == 't':
		c = '\t'
	case c == 'n':
		c = '\n'
	case c == 'r':
		c = '\r'
	case c == 'x':
		var b byte
		if n, _ := fmt.Sscanf(s.rest, "x%2x", &b); n != 1 || len(s.rest) < 3 || !isHex(s.rest[2]) || !isHex(s.rest[1]) {
			return fmt.Errorf(`\x wants two hexadecimal digits`)
		}
		s.rest = s.rest[3:]
		s.emit(b)
		return nil
	default:
		s.emit('\\')
		return nil
	}
	s.rest = s.rest[1:]
	s.emit(c)
	return nil
}

func isHex(c byte) bool { return strings.IndexByte("0123456789abcdefABCDEF", c) >= 0 }

// Quote is a word as it has to be written so that Split gives it back.
func Quote(word string) string {
	if word == "" {
		return `""`
	}
	var b strings.Builder
	for i := range len(word) {
		switch c := word[i]; {
		case strings.IndexByte(" \\#\"'", c) >= 0:
			b.Write([]byte{'\\', c})
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// Join is a line of words, each quoted where it has to be.
func Join(words ...string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = Quote(word)
	}
	return strings.Join(quoted, " ")
}
