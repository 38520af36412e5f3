package config

import (
	"errors"

	"github.com/spf13/pflag"

	"marathon-lb/marathon"
)

// Check is what "marathon-lb check" was asked for.
type Check struct {
	Files    []string // of app definitions; - is standard input
	Running  bool     // the apps of a running Marathon are checked
	JSON     bool
	Marathon marathon.Options
}

// checkRows are the flags of the load balancer that matter to a check.
var checkRows = []string{
	"marathon", "group", "strict-mode", "auth-credentials", "marathon-auth-credential-file", "dcos-auth-credentials", "marathon-ca-cert",
}

// ParseCheck reads the arguments after "check". Its errors are usage errors, or ErrHelp.
func ParseCheck(args, environment []string) (Check, error) {
	c := Default()
	k := Check{}
	flags := checkFlags(&c, &k)
	if err := parse(flags, args); err != nil {
		return Check{}, err
	}
	if err := c.obey(environOf(environment), flags); err != nil {
		return Check{}, err
	}
	k.Files, k.Running = flags.Args(), flags.Changed("marathon")
	if k.Running == (len(k.Files) > 0) {
		return Check{}, errors.New("check needs files of app definitions, or --marathon URL")
	}
	k.Marathon = c.supposed()
	return k, nil
}

func checkFlags(c *Config, k *Check) *pflag.FlagSet {
	flags := verbFlags("check")
	flags.BoolVar(&k.JSON, "json", false, "problems as JSON, as /v1/problems has them")
	c.lend(flags, checkRows, "")
	flags.Lookup("group").Usage = "check only what load balancers of these groups serve; all if not given"
	return flags
}

// CheckUsage is the help of "marathon-lb check".
func CheckUsage() string {
	c := Default()
	return `Usage: marathon-lb check [flags] FILE...
       marathon-lb check [flags] --marathon URL

Finds what is wrong with the labels of apps: in files with an app, a list of apps, a group or {"apps":[...]} (- is standard
input), or in a running Marathon. Each problem is a line; the exit code is 1 if there is one.

Flags:
` + checkFlags(&c, &Check{}).FlagUsagesWrapped(110)
}
