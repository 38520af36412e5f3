package zdd

import (
	"errors"
	"fmt"
	"time"
)

// Options is what is asked for. config binds command-line flags to these fields; each comment is the flag's help.
type Options struct {
	// Marathon is Marathon's base URL (http://master.mesos:8080), or several of one Marathon, tried in order.
	Marathon []string
	// Balancers are the base URLs of the load balancers' statistics (http://marathon-lb.marathon.mesos:9090). Each address a name has,
	// IPv4 and IPv6, is a load balancer whose word counts.
	Balancers []string
	// JSON is the file with the app's definition.
	JSON string
	// DryRun prints the definition, or where a deployment exists the next step, and changes nothing.
	DryRun bool
	// Force never asks.
	Force bool
	// StepDelay is the time between two looks.
	StepDelay time.Duration
	// InitialInstances is the number of instances the new app begins with.
	InitialInstances uint
	// LinearIncrease adds as many instances in each step, instead of half as many again; 0 for the latter.
	LinearIncrease uint
	// Resume goes on with the deployment that exists.
	Resume bool
	// MaxWait is how long tasks that are taken out may have sessions before the deployment stops, or kills them if --force-kill is given.
	MaxWait time.Duration
	// NewInstances stops at as many new instances and keeps the rest old, a hybrid deployment; 0 for none.
	NewInstances uint
	// CompleteCur completes a hybrid or interrupted deployment: the older app is deleted.
	CompleteCur bool
	// CompletePrev takes a hybrid or interrupted deployment back: the newer app is deleted.
	CompletePrev bool
	// PreKillHook is a program that is run before tasks are killed, with three arguments in JSON: the old app, the ids of the tasks,
	// the new app. If it fails, the deployment stops.
	PreKillHook string
	// ForceKill kills tasks that still have sessions after --max-wait, as zdd.py did.
	ForceKill bool
	// MaxStall is how long nothing at all may change before the deployment stops; 0 for ever.
	MaxStall time.Duration
}

// Defaults are those of zdd.py.
func Defaults() Options {
	return Options{StepDelay: 5 * time.Second, InitialInstances: 1, MaxWait: 5 * time.Minute, MaxStall: 30 * time.Minute}
}

// Code is the exit code of a deployment that did not come to its end.
type Code int

// The codes are those of zdd.py.
const (
	Declined       Code = 1
	Failed         Code = 2
	BadFlags       Code = 3
	MissingField   Code = 4
	NoBalancer     Code = 5
	NoMarathon     Code = 6
	CreationFailed Code = 7
	DeletionFailed Code = 8
	ScalingFailed  Code = 9
)

// Codes say what each code means, for the help.
var Codes = []struct {
	Code    Code
	Meaning string
}{
	{0, "deployed; also a dry run, and a hybrid deployment that has reached its number"},
	{Declined, "a question was answered with no"},
	{Failed, "anything that has no code of its own: wrong usage, a hook that failed, a deployment that exists already, nothing that moves any more"},
	{BadFlags, "flags that do not fit what runs: there is nothing to complete"},
	{MissingField, "the definition lacks a label, a service port or a health check"},
	{NoBalancer, "a load balancer's statistics could not be read in the beginning"},
	{NoMarathon, "Marathon could not be read"},
	{CreationFailed, "Marathon did not create the new app"},
	{DeletionFailed, "Marathon did not delete the old app"},
	{ScalingFailed, "Marathon did not scale the new app or kill old tasks"},
}

// Error is why a deployment ended before its end.
type Error struct {
	Code Code
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap is what happened.
func (e *Error) Unwrap() error { return e.Err }

func fail(code Code, format string, args ...any) error {
	return &Error{Code: code, Err: fmt.Errorf(format, args...)}
}

// CodeOf is the code of an error of Run, 0 for none. An interruption has none: the signal's number says it better.
func CodeOf(err error) Code {
	var e *Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.Code
	}
	return Failed
}
