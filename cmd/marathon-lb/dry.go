package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"marathon-lb/config"
	"marathon-lb/internal/haproxy"
	"marathon-lb/internal/route"
	"marathon-lb/marathon"
	"marathon-lb/proxy"
)

// dry prints what would be served, as a configuration of HAProxy, and serves nothing. What is wrong goes into the log.
func (c command) dry(ctx context.Context, o config.Config, log *zap.Logger) error {
	table, compiler := route.NewTable(1), marathon.NewCompiler(o.Marathon)
	build := func(c route.Change) { table, _ = route.Build(table, c) }
	build(route.Change{SetListeners: o.Marathon.Listeners(), Now: time.Now()})
	joint := marathon.NewJoint(compiler, build)
	marathons, err := o.Marathon.Marathons()
	if err != nil {
		return err
	}
	for _, m := range marathons {
		if err := readOnce(ctx, m, joint.Linker(m.Name), log); err != nil {
			return err
		}
	}
	for _, p := range compiler.Problems() {
		log.Warn("problem", fields(p)...)
	}
	_, err = fmt.Fprint(c.out, haproxy.Config(table.Spec(), haproxyOptions(o, true)))
	return err
}

// readOnce takes in the apps of one Marathon.
func readOnce(ctx context.Context, o marathon.Options, linker marathon.Linker, log *zap.Logger) error {
	client, err := o.Client()
	if err != nil {
		return err
	}
	defer client.Close()
	list, err := o.Once(ctx, client, linker)
	if err != nil {
		return err
	}
	for _, bad := range list.Bad {
		log.Warn("an app of Marathon's cannot be read", zap.String("app", bad.ID), zap.Error(bad.Err))
	}
	if list.Pods != nil {
		return errors.Join(errors.New("pods cannot be read"), list.Pods)
	}
	linker.Link(time.Now())
	return nil
}

// haproxyOptions is what a configuration of HAProxy has of the options. hashes says that those of passwords are printed.
func haproxyOptions(o config.Config, hashes bool) haproxy.Options {
	h := haproxy.Options{
		Version: release, Stats: o.Stats.Bind, TLSMin: string(o.Proxy.TLSMin), Trusted: o.Proxy.TrustedProxies,
		AuthByHost: o.Proxy.AuthScope == proxy.AuthVHost, ServerClose: o.Proxy.ServerClose, DrainTimeout: o.Proxy.DrainTimeout, Hashes: hashes,
		MaxConn: o.Proxy.MaxConn, ErrorFiles: o.Proxy.ErrorFiles,
	}
	for _, path := range o.Proxy.SSLCerts {
		h.Certs = append(h.Certs, haproxy.Cert{Path: path})
	}
	for _, p := range o.Proxy.CertPEMs {
		h.Certs = append(h.Certs, haproxy.Cert{Path: p.Path, Variable: p.Variable})
	}
	return h
}
