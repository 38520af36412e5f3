package route

import (
	"strings"

	"marathon-lb/internal/hacfg"
)

// Format is a text with expressions in it, as set-header takes it.
type Format struct {
	pieces  []hacfg.Piece
	samples []*Sample // one for each piece, nil for characters
}

// ParseFormat reads a text with expressions.
func ParseFormat(words string) (Format, error) {
	pieces, err := hacfg.ParseText(words)
	if err != nil {
		return Format{}, err
	}
	f := Format{pieces: pieces, samples: make([]*Sample, len(pieces))}
	for i, p := range pieces {
		if p.Expression == nil {
			continue
		}
		s, kind, err := parseSample(p.Expression)
		if err == nil && kind != "" {
			err = errFormIsForACL
		}
		if err != nil {
			return Format{}, err
		}
		f.samples[i] = s
	}
	return f, nil
}

// Plain is a text without expressions.
func Plain(words string) Format {
	if words == "" {
		return Format{}
	}
	return Format{pieces: []hacfg.Piece{{Text: words}}, samples: []*Sample{nil}}
}

// text is what the text says of a request, and of a response if there is one.
func (f Format) text(r *Request, a *Response) string {
	if len(f.pieces) == 1 && f.samples[0] == nil {
		return f.pieces[0].Text
	}
	var b strings.Builder
	for i, p := range f.pieces {
		if s := f.samples[i]; s != nil {
			b.WriteString(s.value(r, a))
		} else {
			b.WriteString(p.Text)
		}
	}
	return b.String()
}

// Scope is the widest of what is asked for.
func (f Format) Scope() (widest Scope) {
	for _, s := range f.samples {
		if s != nil {
			widest = max(widest, s.fetch.scope)
		}
	}
	return widest
}

// OfResponse is the text as a rule for responses writes it.
func (f Format) OfResponse() (Format, error) {
	n := Format{pieces: f.pieces, samples: make([]*Sample, len(f.samples))}
	for i, s := range f.samples {
		if s == nil {
			continue
		}
		var err error
		if n.samples[i], err = s.ofResponse(); err != nil {
			return Format{}, err
		}
	}
	return n, nil
}

// plain is the text where there are no expressions in it.
func (f Format) plain() string {
	b := ""
	for _, p := range f.pieces {
		b += p.Text
	}
	return b
}

// nothing is an expression for an empty text: HAProxy takes no empty word here.
const nothing = "%[str(x),field(2,/)]"

// String is the text as HAProxy reads it, not quoted.
func (f Format) String() string {
	if len(f.pieces) == 0 {
		return nothing
	}
	pieces := make([]hacfg.Piece, len(f.pieces))
	for i, p := range f.pieces {
		if pieces[i] = p; f.samples[i] != nil {
			pieces[i].Expression = &f.samples[i].expression
		}
	}
	return hacfg.JoinText(pieces)
}
