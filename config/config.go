// Package config gathers what the command line and the environment say; it decides nothing. An option is a field of the package
// that obeys it (marathon.Options, proxy.Options, stats.Options, LogOptions here); a row of flags.go binds a flag and its
// variables to the field, and the field's comment is the flag's help.
//
// Read in this order: flags.go (the rows), argv.go (marathon_lb.py's habits), values.go and texts.go (text into
// fields), environ.go and templates.go (the container's environment), usage.go (help and docs/flags.md).
package config

//go:generate go test -run TestCommentsAreCurrent . -update
//go:generate go test -run TestFlagsPageIsCurrent . -update

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/spf13/pflag"
	"go.uber.org/zap/zapcore"

	"marathon-lb/internal/route"
	"marathon-lb/marathon"
	"marathon-lb/proxy"
	"marathon-lb/stats"
)

// Config is what was asked for.
type Config struct {
	// Mode is how changes are noticed: sse follows Marathon's event stream, poll reads all apps each POLL_INTERVAL.
	Mode Mode
	// Dry prints what would be served, as a configuration of HAProxy, and exits.
	Dry      bool
	Marathon marathon.Options // Poll and ReservedPorts follow from the other fields
	Proxy    proxy.Options
	Stats    stats.Options
	Log      LogOptions
	Life     LifeOptions
	Notices  []Notice // to be logged once at start
}

// Mode is the first argument of Marathon-LB's container.
type Mode string

// The modes.
const (
	SSE  Mode = "sse"
	Poll Mode = "poll"
)

// LogOptions is how the log is written.
type LogOptions struct {
	// Level is the least severe level that is logged, by its Python name: CRITICAL, ERROR, WARNING, INFO, DEBUG or NOTSET.
	Level zapcore.Level
	// Encoding is how a log line is written: json or console.
	Encoding Encoding
}

// LifeOptions is how the process ends, and how another takes its place.
type LifeOptions struct {
	// Grace is how long connections are still accepted after SIGTERM, while /ready and the health check say 503 already: the time that others
	// need to learn of it.
	Grace time.Duration
	// UpgradeTimeout is how long, after SIGUSR2, the new process may take until it could serve. If it takes longer, the old one goes on.
	UpgradeTimeout time.Duration
	// CPUProfile is the file that a profile of the processor time is written to when the process ends, for go tool pprof. Empty for none.
	CPUProfile string
}

// Encoding is how a log line is written.
type Encoding string

// The encodings, by zap's names.
const (
	JSON    Encoding = "json"
	Console Encoding = "console"
)

// Notice is an option that was given and accepted, but is not obeyed.
type Notice struct {
	Option string // a flag or an environment variable
	Reason string
	Lost   bool // the user goes without something: worth a warning
}

// ErrHelp and ErrLongHelp say that nothing is to be started: Usage or LongUsage was asked for.
var (
	ErrHelp     = errors.New("help was asked for")
	ErrLongHelp = errors.New("long help was asked for")
)

// Default is what holds where nothing is said. It has no group and so serves nothing. Fields that have no flag stay zero: the
// package that obeys them has their default.
func Default() Config {
	return Config{
		Mode: Poll,
		Marathon: marathon.Options{
			Endpoints:    []string{"http://master.mesos:8080"},
			PollInterval: time.Minute,
			MaxBackoff:   3 * time.Second,
			Silence:      30 * time.Second,
			HTTPBind:     route.AnyAddr(80),
			HTTPSBind:    route.AnyAddr(443),
			AppIDBind:    route.AnyAddr(9091),

			StateDir: marathon.DefaultStateDir,

			MinServicePort: 10050,
			MaxServicePort: 10100,
		},
		Proxy: proxy.Options{
			DrainTimeout: 30 * time.Second, TrustedProxies: privateNetworks(), AccessLog: proxy.LogErrors, AuthScope: proxy.AuthAll,
			TLSMin: proxy.TLS12, HoldRequests: 1000,
		},
		Stats: stats.Options{Bind: route.AnyAddr(9090)},
		Log:   LogOptions{Level: zapcore.InfoLevel, Encoding: JSON},
		Life:  LifeOptions{UpgradeTimeout: 30 * time.Second},
	}
}

// privateNetworks are the loopback, private and link-local ranges of both families (RFC 1122, 1918, 3927, 4193, 4291).
func privateNetworks() []netip.Prefix {
	var all []netip.Prefix
	for _, text := range []string{
		"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10",
	} {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// Parse reads the arguments after the program's name, "sse" or "poll" included, and an environment as os.Environ gives it. A
// flag wins over its MARATHON_LB_ variable, that over the container's variable, that over the default. Each error is a usage
// error, or ErrHelp or ErrLongHelp.
func Parse(args, environment []string) (Config, error) {
	c := Default()
	flags := flagSet(&c, slices.Concat(python, own)...)
	args, err := plain(args)
	if err != nil {
		return Config{}, err
	}
	if err := parse(flags, args); err != nil {
		return Config{}, err
	}
	env := environOf(environment)
	if err := c.obey(env, flags); err != nil {
		return Config{}, err
	}
	c.Proxy.CertPEMs = env.certPEMs()
	if err := c.readTemplates(env); err != nil {
		return Config{}, err
	}
	if err := c.noticeFlags(flags); err != nil {
		return Config{}, err
	}
	if err := c.noticeVariables(env); err != nil {
		return Config{}, err
	}
	if len(c.Marathon.Groups) == 0 {
		return Config{}, errors.New(`--group is missing: name a group to serve, such as --group external, or --group "*" for all`)
	}
	if low, high := c.Marathon.MinServicePort, c.Marathon.MaxServicePort; low > high || (low == 0) != (high == 0) {
		return Config{}, fmt.Errorf("--min-serv-port-ip-per-task %d and --max-serv-port-ip-per-task %d are no range: the first must not be larger, "+
			"and both are 0 for none", low, high)
	}
	if _, err := c.Marathon.Marathons(); err != nil {
		return Config{}, fmt.Errorf("--marathon: %w", err)
	}
	c.Marathon.Poll = c.Mode == Poll
	c.Marathon.ReservedPorts = c.reservedPorts()
	return c, nil
}

// wrongValue is pflag's error in the words of the others. After plain, a wrong value is the only thing pflag can find.
func wrongValue(err error) error {
	if bad, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		f := bad.GetFlag()
		return fmt.Errorf("--%s%s: %w", f.Name, f.Value.(*value).row.quote(bad.GetValue()), bad.Unwrap())
	}
	return err
}

// reservedPorts are the ports this process binds for itself. Port 0 is one the kernel chooses.
func (c Config) reservedPorts() []int {
	binds := []netip.AddrPort{c.Stats.Bind, c.Marathon.AppIDBind}
	if !c.Marathon.DontBindHTTPHTTPS {
		binds = append(binds, c.Marathon.HTTPBind, c.Marathon.HTTPSBind)
	}
	var ports []int
	for _, b := range binds {
		if b.Port() != 0 {
			ports = append(ports, int(b.Port()))
		}
	}
	return ports
}
