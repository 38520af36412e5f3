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
	Anyone   bool // no group is named: each app is checked as those load balancers see it that its labels name
	Marathon marathon.Options
}

// checkRows are the flags of the load balancer that matter to a check.
var checkRows = []string{
	"marathon", "group", "strict-mode", "auth-credentials", "marathon-auth-credential-file", "dcos-auth-credentials", "marathon-ca-cert",
	"dont-bind-http-https", "http-bind", "https-bind", "appid-bind", "stats-bind",
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
	k.Anyone, k.Marathon = len(c.Marathon.Groups) == 0, c.supposed()
	return k, nil
}

func checkFlags(c *Config, k *Check) *pflag.FlagSet {
	flags := verbFlags("check")
	flags.BoolVar(&k.JSON, "json", false, "problems as JSON, as /v1/problems has them, each with its file, and its line where the JSON itself is wrong")
	c.lend(flags, checkRows, "")
	flags.Lookup("group").Usage = "check only what a load balancer of these groups serves; if not given all, and apps get into each other's way only where they share a group"
	return flags
}

// CheckUsage is the help of "marathon-lb check".
func CheckUsage() string {
	c := Default()
	return `Usage: marathon-lb check [flags] FILE...
       marathon-lb check [flags] --marathon URL

Finds what is wrong with the labels of apps and pods: in files (- is standard input) with one of them, a list, a group, or what Marathon
answers of them; or in a running Marathon. What a file leaves to Marathon is taken as Marathon fills it in. The same id in several files
is taken for one app in several environments: each file's is checked.

Each problem is a line. The exit code is 0 if there is none, 1 if there is one, 2 if a file or Marathon could not be read (the others are
checked all the same) or the arguments are wrong.

Flags:
` + checkFlags(&c, &Check{}).FlagUsagesWrapped(110)
}
