package config

import (
	"errors"
	"slices"

	"github.com/spf13/pflag"

	"marathon-lb/marathon"
)

// parse has arguments read. Its errors are usage errors, or ErrHelp or ErrLongHelp if that is what they ask for.
func parse(flags *pflag.FlagSet, args []string) error {
	err := flags.Parse(args)
	switch {
	case errors.Is(err, pflag.ErrHelp) || err == nil && flags.Changed("help"):
		return ErrHelp
	case err != nil:
		return wrongValue(err)
	case flags.Changed("longhelp"):
		return ErrLongHelp
	}
	return nil
}

// verbFlags are those of a verb that answers a question, and so far none.
func verbFlags(verb string) *pflag.FlagSet {
	flags := pflag.NewFlagSet("marathon-lb "+verb, pflag.ContinueOnError)
	flags.Usage = func() {}
	flags.SortFlags = false
	return flags
}

// lend adds flags of the load balancer that matter to a verb's question. hint begins the help of each.
func (c *Config) lend(flags *pflag.FlagSet, names []string, hint string) {
	for _, r := range slices.Concat(python, own) {
		if !slices.Contains(names, r.long) {
			continue
		}
		f := flags.VarPF(newValue(c, r), r.long, r.short, hint+r.help())
		if r.arg == "" {
			f.NoOptDefVal = "true"
		}
	}
}

// supposed is what a load balancer would read apps by: one of all groups, if none is named.
func (c Config) supposed() marathon.Options {
	o := c.Marathon
	if len(o.Groups) == 0 {
		o.Groups = []string{"*"}
	}
	o.ReservedPorts = c.reservedPorts()
	return o
}
