package hacfg

import (
	"fmt"
	"strings"
)

// Expression is a sample fetch and the converters behind it: req.hdr(host),lower,regsub(:.*$,).
type Expression struct {
	Call
	Then []Call
}

// Call is a name and what stands in brackets behind it.
type Call struct {
	Name string
	Args []string // nil without brackets
}

// Piece is a part of a text: characters as they are, or an expression.
type Piece struct {
	Text       string
	Expression *Expression
}

// ParseExpression reads an expression.
func ParseExpression(text string) (*Expression, error) {
	e, rest, err := cutExpression(text)
	if err == nil && rest != "" {
		err = fmt.Errorf("%q stands behind an expression", rest)
	}
	if err != nil {
		return nil, err
	}
	return e, nil
}

func cutExpression(text string) (e *Expression, rest string, err error) {
	e = &Expression{}
	if e.Call, rest, err = cutCall(text); err != nil {
		return nil, "", err
	}
	for strings.HasPrefix(rest, ",") {
		var c Call
		if c, rest, err = cutCall(rest[1:]); err != nil {
			return nil, "", err
		}
		e.Then = append(e.Then, c)
	}
	return e, rest, nil
}

func cutCall(text string) (c Call, rest string, err error) {
	end := strings.IndexFunc(text, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '.' || r == '-')
	})
	if end < 0 {
		end = len(text)
	}
	if end == 0 {
		return c, "", fmt.Errorf("%q is no expression", text)
	}
	c.Name, rest = text[:end], text[end:]
	if !strings.HasPrefix(rest, "(") {
		return c, rest, nil
	}
	c.Args, rest, err = cutArgs(rest[1:])
	return c, rest, err
}

// cutArgs reads arguments up to the bracket. Quotes and backslashes protect commas and brackets.
func cutArgs(text string) (args []string, rest string, err error) {
	var arg []byte
	quote := byte(0)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == quote:
			quote = 0
		case quote != 0 && (quote == '\'' || c != '\\'):
			arg = append(arg, c)
		case c == '"' || c == '\'':
			quote = c
		case c == '\\' && i+1 < len(text) && strings.IndexByte(`,()"'\ `, text[i+1]) >= 0:
			i++
			arg = append(arg, text[i])
		case c == ',':
			args, arg = append(args, string(arg)), nil
		case c == ')':
			return append(args, string(arg)), text[i+1:], nil
		default:
			arg = append(arg, c)
		}
	}
	return nil, "", fmt.Errorf("the brackets of %q do not end", text)
}

// String is the expression as HAProxy reads it.
func (e *Expression) String() string {
	b := e.Call.String()
	for _, c := range e.Then {
		b += "," + c.String()
	}
	return b
}

// String is the call as HAProxy reads it.
func (c Call) String() string {
	if c.Args == nil {
		return c.Name
	}
	var args []string
	for _, arg := range c.Args {
		if strings.ContainsAny(arg, `,()"'\ `) {
			arg = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(arg) + `"`
		}
		args = append(args, arg)
	}
	return c.Name + "(" + strings.Join(args, ",") + ")"
}

// ParseText reads a text with expressions in it, %[...], which HAProxy calls a log format; %% is a %.
func ParseText(text string) ([]Piece, error) {
	var pieces []Piece
	var plain []byte
	flush := func() {
		if len(plain) > 0 {
			pieces, plain = append(pieces, Piece{Text: string(plain)}), nil
		}
	}
	for text != "" {
		switch {
		case strings.HasPrefix(text, "%%"):
			plain, text = append(plain, '%'), text[2:]
		case strings.HasPrefix(text, "%["):
			e, rest, err := cutExpression(text[2:])
			if err != nil {
				return nil, err
			}
			if !strings.HasPrefix(rest, "]") {
				return nil, fmt.Errorf("%q is not closed by a ]", text)
			}
			flush()
			pieces, text = append(pieces, Piece{Expression: e}), rest[1:]
		case text[0] == '%':
			return nil, fmt.Errorf("%q is a variable of the log and not known here", text)
		default:
			plain, text = append(plain, text[0]), text[1:]
		}
	}
	flush()
	return pieces, nil
}

// JoinText writes pieces as ParseText reads them.
func JoinText(pieces []Piece) string {
	var b strings.Builder
	for _, p := range pieces {
		if p.Expression != nil {
			b.WriteString("%[" + p.Expression.String() + "]")
		} else {
			b.WriteString(strings.ReplaceAll(p.Text, "%", "%%"))
		}
	}
	return b.String()
}
