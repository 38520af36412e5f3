package config

import (
	"fmt"
	"slices"
	"strings"
)

const synopsis = `marathon-lb sse|poll [flags]

Serves the apps that Marathon runs: follows its event stream (sse) or reads it each POLL_INTERVAL (poll).
`

// help is what the row does: the comment of its field and the row's note.
func (r row) help() string {
	switch text := comments[r.field]; {
	case text == "":
		return r.note
	case r.note == "":
		return text
	default:
		return text + "; " + r.note
	}
}

// Usage lists the flags that have an effect.
func Usage() string {
	c := Default()
	flags := flagSet(&c, slices.Concat(python, own)...)
	for _, r := range python {
		if r.effect != obeyed && r.effect != asked {
			flags.Lookup(r.long).Hidden = true
		}
	}
	return "Usage: " + synopsis + "\nFlags:\n" + flags.FlagUsagesWrapped(110) +
		"\nOther flags of marathon_lb.py are accepted; --longhelp lists them, and the environment variables.\n"
}

// LongUsage is all there is to say about options, in Markdown: docs/flags.md.
func LongUsage() string {
	var b strings.Builder
	b.WriteString(strings.NewReplacer("SYNOPSIS", strings.TrimSpace(synopsis), "'", "`").Replace(`# Flags and environment variables

    SYNOPSIS

A flag wins over its 'MARATHON_LB_...' variable, that over the other variables named with it, that over the default. A variable
that is empty counts as not set; 'A:B' stands for two that must both be set. Long flags may be shortened as long as it is clear
what is meant. A length of time is '30s', '5m' or a plain number of seconds; an address is ':80', '*:80', '127.0.0.1:80' or
'[::1]:80'. What is accepted without effect is said in the log at start.

## Flags of marathon_lb.py
`))
	c := Default()
	section(&b, &c, python)
	b.WriteString("\n## Our own flags\n")
	section(&b, &c, own)
	b.WriteString("\n## Variables of Marathon-LB's container\n\n`PORTS` need not be set.\n")
	section(&b, &c, container)
	return b.String()
}

func section(b *strings.Builder, c any, rows []row) {
	for _, r := range rows {
		fmt.Fprintf(b, "\n**%s**  \n", strings.TrimSpace(strings.Join(r.names(), ", ")+" "+r.arg))
		b.WriteString(r.help() + ".")
		if text := newValue(c, r).String(); r.field != "" && r.constant == "" && text != "" && text != "false" {
			fmt.Fprintf(b, " Default: `%s`.", text)
		}
		if vars := r.variables(); r.long != "" && len(vars) > 0 {
			fmt.Fprintf(b, " Environment: `%s`.", strings.Join(vars, "`, `"))
		}
		if r.harmless != "" {
			fmt.Fprintf(b, " Said unless it is `%s`.", r.harmless)
		}
		b.WriteString("\n")
	}
}

// names are the flags, or the variables of a row without flag, in Markdown.
func (r row) names() []string {
	names := slices.Clone(r.env)
	if r.long != "" {
		names = []string{"--" + r.long}
	}
	if r.short != "" {
		names = append(names, "-"+r.short)
	}
	for i := range names {
		names[i] = "`" + names[i] + "`"
	}
	return names
}
