package zdd

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"go.uber.org/zap/zapcore"

	"marathon-lb/marathon"
)

// Terminal is where a deployment talks with its operator.
type Terminal struct {
	In    io.Reader     // answers
	Out   io.Writer     // the definition and questions
	Err   io.Writer     // progress
	Level zapcore.Level // the least severe progress that is shown
}

// deployment is one under way.
type deployment struct {
	o         *Options
	marathon  *marathon.Client
	balancers *http.Client
	ask       *questions
	term      Terminal

	young, old *App
	plan       Plan
	looked     bool // load balancers were read once

	waiting patience
}

// Run deploys. Its errors are *Error, or that of ctx: whatever has been done until then, a run with Resume goes on from there.
func Run(ctx context.Context, o Options, client *marathon.Client, term Terminal) error {
	d := &deployment{o: &o, marathon: client, balancers: balancersClient(), ask: &questions{in: term.In, out: term.Out, force: o.Force}, term: term}
	defer client.Close()
	err := d.run(ctx)
	if ctx.Err() != nil && d.young != nil && d.old != nil {
		d.tell(zapcore.WarnLevel, "interrupted: %s; go on with --resume", sizes(d.young, d.old))
	}
	return err
}

func (d *deployment) run(ctx context.Context) error {
	text, err := os.ReadFile(d.o.JSON)
	if err != nil {
		return fail(Failed, "definition: %w", err)
	}
	def, err := ReadDefinition(text)
	if err != nil {
		return err
	}
	apps, err := d.list(ctx)
	if err != nil {
		return err
	}
	colours := coloursOf(apps, def.label(groupLabel))
	if len(colours) > 1 {
		if d.young, d.old, d.plan, err = choose(colours, d.o); err != nil {
			return err
		}
		d.tell(zapcore.InfoLevel, "going on: %s", sizes(d.young, d.old))
		return d.swap(ctx)
	}
	if d.o.CompleteCur || d.o.CompletePrev {
		return fail(BadFlags, "--complete-cur and --complete-prev need two apps of the group %s; there is %s",
			groupOf(def.label(groupLabel)), count(len(colours), "app"))
	}
	return d.begin(ctx, def, colours)
}

// begin creates the new app and, if there is an older one, lets it take its place.
func (d *deployment) begin(ctx context.Context, def Definition, colours []App) error {
	var err error
	if len(colours) == 0 {
		err = first(def, time.Now())
	} else {
		err = succeed(def, &colours[0], d.o, time.Now())
	}
	if err != nil {
		return err
	}
	fmt.Fprint(d.term.Out, def.Text())
	if d.o.DryRun {
		return nil
	}
	if err := d.ask.yes(ctx, "Continue with deployment?"); err != nil {
		return err
	}
	if err := d.create(ctx, def); err != nil {
		return err
	}
	d.tell(zapcore.InfoLevel, "%s: created", def.id())
	if len(colours) == 0 {
		return nil
	}
	created := App{App: marathon.App{ID: def.id()}}
	if err := d.readApp(ctx, &created); err != nil {
		return err
	}
	if d.young, d.old, d.plan, err = choose([]App{colours[0], created}, &Options{Resume: true, LinearIncrease: d.o.LinearIncrease}); err != nil {
		return err
	}
	return d.swap(ctx)
}

// swap takes one step after the other until the plan is carried out.
func (d *deployment) swap(ctx context.Context) error {
	impatient := false
	for {
		v, err := d.look(ctx)
		if err != nil {
			return err
		}
		step := d.plan.Next(v, impatient)
		if d.o.DryRun {
			fmt.Fprintln(d.term.Out, d.words(step))
			return nil
		}
		over, held, err := d.take(ctx, step)
		switch {
		case err != nil:
			return err
		case over:
			d.tell(zapcore.InfoLevel, "%s: done", d.young.ID)
			return nil
		case held != "":
			step = wait("%s", held)
		}
		if impatient, err = d.bear(step); err != nil {
			return err
		}
		if err := sleep(ctx, d.o.StepDelay); err != nil {
			return err
		}
	}
}

// take carries a step out; over says that it was the last one, held why it could not be taken now.
func (d *deployment) take(ctx context.Context, step Step) (over bool, held string, err error) {
	switch step.Kind {
	case Done:
		return true, "", nil
	case Delete:
		held, err = d.delete(ctx, step)
		return held == "" && err == nil, held, err
	case Move:
		held, err = d.move(ctx, step)
	}
	return false, held, err
}

// patience is how long has been waited, and for what.
type patience struct {
	said      string
	since     time.Time // that it has been so
	busySince time.Time // that only sessions have been in the way; zero if they are not
}

// bear says whether to be impatient from now on, or stops what does not move any more.
func (d *deployment) bear(step Step) (impatient bool, err error) {
	now, w := time.Now(), &d.waiting
	if step.Kind != Wait {
		*w = patience{}
		return false, nil
	}
	if step.Why != w.said {
		w.said, w.since = step.Why, now
		d.tell(zapcore.InfoLevel, "waiting: %s (%s)", step.Why, sizes(d.young, d.old))
	}
	if !step.Busy {
		w.busySince = time.Time{}
	} else if w.busySince.IsZero() {
		w.busySince = now
	}
	switch {
	case step.Busy && now.Sub(w.busySince) >= d.o.MaxWait && d.o.ForceKill:
		d.tell(zapcore.WarnLevel, "%s after %s: killed all the same", step.Why, d.o.MaxWait)
		return true, nil
	case step.Busy && now.Sub(w.busySince) >= d.o.MaxWait:
		return false, fail(Failed, "%s after %s; go on with --resume and a longer --max-wait, or with --force-kill", step.Why, d.o.MaxWait)
	case d.o.MaxStall > 0 && now.Sub(w.since) >= d.o.MaxStall:
		return false, fail(Failed, "nothing has changed for %s: %s; go on with --resume", d.o.MaxStall, step.Why)
	}
	return false, nil
}

// tell shows progress.
func (d *deployment) tell(level zapcore.Level, format string, args ...any) {
	if level >= d.term.Level {
		fmt.Fprintf(d.term.Err, time.Now().Format("15:04:05 ")+format+"\n", args...)
	}
}

// sleep waits, unless ctx ends before.
func sleep(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
