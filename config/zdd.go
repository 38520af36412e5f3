package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"go.uber.org/zap/zapcore"

	"marathon-lb/marathon"
	"marathon-lb/marathon/zdd"
)

// ZDD is what the verb zdd was asked for.
type ZDD struct {
	ZDD      zdd.Options
	Marathon marathon.Options // how to log in
	Log      LogOptions       // Level only: the least severe progress that is shown
	Notices  []Notice         // to be told once at start
}

// zddField begins the field of each option that only zdd has.
const zddField = "ZDD."

// zddPython are the flags of zdd.py, in its own order. What follows its own are those of marathon_lb.py that it has, too.
var zddPython = append([]row{
	{long: "help", short: "h", effect: asked, note: "prints this"},
	{long: "longhelp", effect: asked, note: "prints how a deployment goes and what the exit codes mean"},
	{long: "marathon", short: "m", arg: "URL [URL ...]", field: "ZDD.Marathon", several: true, note: "mandatory"},
	{long: "marathon-lb", short: "l", arg: "URL [URL ...]", field: "ZDD.Balancers", several: true, note: "mandatory"},
	{long: "json", short: "j", arg: "FILE", field: "ZDD.JSON", note: "mandatory"},
	{long: "dry-run", short: "d", field: "ZDD.DryRun"},
	{long: "force", short: "f", field: "ZDD.Force"},
	{long: "step-delay", short: "s", arg: "DURATION", field: "ZDD.StepDelay", zero: true},
	{long: "initial-instances", short: "i", arg: "N", field: "ZDD.InitialInstances"},
	{long: "linear-increase", arg: "N", field: "ZDD.LinearIncrease"},
	{long: "resume", short: "r", field: "ZDD.Resume"},
	{long: "max-wait", short: "w", arg: "DURATION", field: "ZDD.MaxWait", zero: true},
	{long: "new-instances", short: "n", arg: "N", field: "ZDD.NewInstances"},
	{long: "complete-cur", short: "c", field: "ZDD.CompleteCur"},
	{long: "complete-prev", short: "p", field: "ZDD.CompletePrev"},
	{long: "pre-kill-hook", arg: "PATH", field: "ZDD.PreKillHook"},
}, rowsOf(python, "syslog-socket", "log-format", "log-level", "marathon-auth-credential-file", "auth-credentials", "dcos-auth-credentials",
	"marathon-ca-cert")...)

// zddOwn are the flags zdd.py did not have.
var zddOwn = []row{
	{long: "force-kill", field: "ZDD.ForceKill"},
	{long: "max-stall", arg: "DURATION", field: "ZDD.MaxStall", zero: true},
}

func rowsOf(rows []row, names ...string) []row {
	return slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return !slices.Contains(names, r.long) })
}

func zddDefault() ZDD { return ZDD{ZDD: zdd.Defaults(), Log: LogOptions{Level: zapcore.InfoLevel}} }

// ParseZDD reads the arguments after "zdd", and an environment as os.Environ gives it. Each error is a usage error, or ErrHelp or
// ErrLongHelp.
func ParseZDD(args, environment []string) (ZDD, error) {
	c := zddDefault()
	rows := rowSets{zddPython, zddOwn}
	args, err := (&argv{rows: rows, in: args}).all()
	if err != nil {
		return ZDD{}, err
	}
	flags := flagSet(&c, slices.Concat(rows...)...)
	if err := parse(flags, args); err != nil {
		return ZDD{}, err
	}
	if err := obeyRows(&c, zddPython, environOf(environment), flags); err != nil {
		return ZDD{}, err
	}
	for _, name := range []string{"marathon", "marathon-lb", "json"} {
		if flags.Lookup(name).Value.String() == "" {
			return ZDD{}, errors.New("--" + name + " is missing")
		}
	}
	c.Marathon.Endpoints = c.ZDD.Marathon
	c.Notices = zddNotices(flags)
	return c, nil
}

// zddNotices are the flags that were given and have no effect.
func zddNotices(flags *pflag.FlagSet) []Notice {
	var all Config
	for _, r := range zddPython {
		if f := flags.Lookup(r.long); f.Changed {
			_ = all.notice(r, "--"+r.long, f.Value.String()) // only a template can be an error
		}
	}
	return all.Notices
}

const zddSynopsis = "marathon-lb zdd --marathon URL --marathon-lb URL --json FILE [flags]\n\n" +
	"Deploys an app without downtime, by the side of the one that runs: zdd.py's blue/green deployment.\n"

// ZDDUsage lists the flags of zdd.
func ZDDUsage() string {
	c := zddDefault()
	flags := flagSet(&c, slices.Concat(zddPython, zddOwn)...)
	for _, r := range zddPython {
		flags.Lookup(r.long).Hidden = r.effect != obeyed && r.effect != asked
	}
	return "Usage: " + zddSynopsis + "\nFlags:\n" + flags.FlagUsagesWrapped(110)
}

// ZDDLongUsage is all there is to say about zdd, in Markdown: docs/zdd.md.
func ZDDLongUsage() string {
	var b strings.Builder
	b.WriteString(strings.NewReplacer("SYNOPSIS", strings.ReplaceAll(strings.TrimSpace(zddSynopsis), "\n\n", "\n\n    "), "'", "`").Replace(zddPage))
	b.WriteString("\n## Exit codes\n\n| code | meaning |\n| --- | --- |\n")
	for _, c := range zdd.Codes {
		fmt.Fprintf(&b, "| %d | %s |\n", c.Code, c.Meaning)
	}
	b.WriteString("\nSIGINT ends it with 130 and SIGTERM with 143, once the request to Marathon that is under way has been answered.\n")
	c := zddDefault()
	b.WriteString("\n## Flags of zdd.py\n")
	section(&b, &c, zddPython)
	b.WriteString("\n## Our own flags\n")
	section(&b, &c, zddOwn)
	return b.String()
}
