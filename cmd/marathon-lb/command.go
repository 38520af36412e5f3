package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"marathon-lb/config"
)

// Exit codes. A second SIGINT or SIGTERM ends the process at once with 128 and its number.
const (
	clean     = 0
	cannotRun = 1
	usage     = 2
)

// command is one call of the program.
type command struct {
	args, environ []string
	in            io.Reader
	out, err      io.Writer
}

func (c command) run() int {
	verb := ""
	if len(c.args) > 0 {
		verb = c.args[0]
	}
	switch verb {
	case "demo":
		return c.demo(c.args[1:])
	case "check":
		return c.check(c.args[1:])
	case "explain":
		return c.explain(c.args[1:])
	case "zdd":
		return c.zdd(c.args[1:])
	case "version", "--version":
		fmt.Fprintln(c.out, version())
		return clean
	case "help":
		fmt.Fprint(c.out, overview())
		return clean
	case "":
		fmt.Fprint(c.err, overview())
		return usage
	}
	return c.balance()
}

func overview() string {
	return config.Usage() + `
Other verbs:
  demo      a simulated Marathon, the app of the DC/OS 101 tutorial and the load balancer, all in this process
  check     finds what is wrong with the labels of apps, in files or in a running Marathon
  explain   says where a request goes and why, or why an app is not exposed: explain URL, explain /my/app
  zdd       replaces an app by its next version without downtime: Marathon-LB's zdd.py; zdd --help
  version   what this is and how it was built
  help      this text
`
}

// balance is the verbs sse and poll.
func (c command) balance() int {
	o, code := c.parse(c.args)
	if code >= 0 {
		return code
	}
	log := newLog(o.Log, c.err)
	defer log.Sync()
	ctx, stop := untilSignal(context.Background(), log)
	defer stop()
	work := serve
	if o.Dry {
		work = c.dry
	}
	if err := work(ctx, o, log); err != nil {
		fmt.Fprintf(c.err, "marathon-lb: %v\n", err)
		return cannotRun
	}
	return clean
}

// parse reads the options; code is where the program ends if they ask for no more, or else -1.
func (c command) parse(args []string) (o config.Config, code int) {
	o, err := config.Parse(args, c.environ)
	if err != nil {
		return o, c.noWork("", err, overview, config.LongUsage)
	}
	return o, -1
}

// noWork is the end of a verb whose arguments are wrong, or ask for help alone. The verbs sse and poll have no name here.
func (c command) noWork(verb string, err error, help, longHelp func() string) int {
	switch {
	case errors.Is(err, config.ErrHelp):
		fmt.Fprint(c.out, help())
		return clean
	case errors.Is(err, config.ErrLongHelp):
		fmt.Fprint(c.out, longHelp())
		return clean
	case verb == "":
		fmt.Fprintf(c.err, "marathon-lb: %v\nTry marathon-lb --help.\n", err)
	default:
		fmt.Fprintf(c.err, "marathon-lb: %s: %v\nTry marathon-lb %s --help.\n", verb, err, verb)
	}
	return usage
}

func newLog(o config.LogOptions, to io.Writer) *zap.Logger {
	e := zap.NewProductionEncoderConfig()
	e.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	e.EncodeDuration = zapcore.StringDurationEncoder
	encoder := zapcore.NewJSONEncoder(e)
	if o.Encoding == config.Console {
		e.EncodeTime = zapcore.ISO8601TimeEncoder
		e.EncodeLevel = zapcore.CapitalLevelEncoder
		encoder = zapcore.NewConsoleEncoder(e)
	}
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(to)), o.Level))
}

// untilSignal is a context that SIGTERM or SIGINT ends: the process drains. A second one does not wait for that.
func untilSignal(parent context.Context, log *zap.Logger) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		select {
		case s := <-signals:
			log.Info("leaving: no new connections, running requests may finish", zap.Stringer("signal", s))
			cancel()
		case <-ctx.Done():
			return
		}
		if s, ok := <-signals; ok {
			log.Warn("leaving at once", zap.Stringer("signal", s))
			os.Exit(128 + int(s.(syscall.Signal)))
		}
	}()
	return ctx, func() { signal.Stop(signals); cancel(); close(signals) }
}
