package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"marathon-lb/config"
	"marathon-lb/marathon/zdd"
)

// zdd replaces an app by its next version without downtime. Its exit codes are those of zdd.py.
func (c command) zdd(args []string) int {
	o, err := config.ParseZDD(args, c.environ)
	if err != nil {
		return c.noWork("zdd", err, config.ZDDUsage, config.ZDDLongUsage)
	}
	for _, n := range o.Notices {
		fmt.Fprintf(c.err, "%s: %s\n", n.Option, n.Reason)
	}
	client, err := o.Marathon.Client()
	if err != nil {
		fmt.Fprintf(c.err, "marathon-lb: zdd: %v\n", err)
		return int(zdd.Failed)
	}
	ctx, caught, stop := interruptible(context.Background())
	defer stop()
	err = zdd.Run(ctx, o.ZDD, client, zdd.Terminal{In: c.in, Out: c.out, Err: c.err, Level: o.Log.Level})
	if err == nil {
		return clean
	}
	fmt.Fprintf(c.err, "marathon-lb: zdd: %v\n", err)
	if n := caught.Load(); n != 0 && errors.Is(err, context.Canceled) {
		return 128 + int(n)
	}
	return int(zdd.CodeOf(err))
}

// interruptible is a context that SIGINT or SIGTERM ends, and which of them it was; a second one ends the process.
func interruptible(parent context.Context) (ctx context.Context, caught *atomic.Int32, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	caught = new(atomic.Int32)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		for s := range signals {
			n := int32(s.(syscall.Signal))
			if !caught.CompareAndSwap(0, n) {
				os.Exit(128 + int(n))
			}
			cancel()
		}
	}()
	return ctx, caught, func() { signal.Stop(signals); cancel(); close(signals) }
}
