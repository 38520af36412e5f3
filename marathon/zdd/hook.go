package zdd

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap/zapcore"
)

// consent asks whoever may object before tasks are killed: the hook, then the operator.
func (d *deployment) consent(ctx context.Context, kill []string) error {
	if d.o.PreKillHook != "" {
		if err := d.hook(ctx, kill); err != nil {
			return err
		}
	}
	return d.ask.yes(ctx, "Continue?")
}

// hookGrace is how long a hook may take to end when the deployment is interrupted.
const hookGrace = 10 * time.Second

func (d *deployment) hook(ctx context.Context, kill []string) error {
	d.tell(zapcore.InfoLevel, "running %s", d.o.PreKillHook)
	if kill == nil {
		kill = []string{}
	}
	ids, err := json.Marshal(kill)
	if err != nil {
		return fail(Failed, "hook: %w", err)
	}
	run := exec.CommandContext(ctx, d.o.PreKillHook, string(d.old.JSON), string(ids), string(d.young.JSON))
	run.Stdout, run.Stderr = d.term.Err, d.term.Err
	run.Cancel = func() error { return run.Process.Signal(syscall.SIGTERM) }
	run.WaitDelay = hookGrace
	err = run.Run()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fail(Failed, "hook %s: %w; %s", d.o.PreKillHook, err, sizes(d.young, d.old))
	}
	return nil
}

// questions are put to the operator.
type questions struct {
	in    io.Reader
	out   io.Writer
	force bool // the answer is yes
	lines *bufio.Reader
}

// yes puts a question; nothing is yes, no is an error.
func (q *questions) yes(ctx context.Context, question string) error {
	if q.force {
		return ctx.Err()
	}
	if q.lines == nil {
		q.lines = bufio.NewReader(q.in)
	}
	for {
		fmt.Fprint(q.out, question+" [Y/n] ")
		line, err := q.line(ctx)
		if err != nil {
			return err
		}
		switch strings.ToLower(strings.TrimSpace(line)) {
		case "", "y", "ye", "yes":
			return nil
		case "n", "no":
			return fail(Declined, "declined")
		}
		fmt.Fprintln(q.out, "Please respond with 'yes' or 'no' (or 'y' or 'n').")
	}
}

// line reads an answer. One that never comes does not keep an interruption waiting; then there is no further question.
func (q *questions) line(ctx context.Context) (string, error) {
	type answer struct {
		text string
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		text, err := q.lines.ReadString('\n')
		got <- answer{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case a := <-got:
		if a.err != nil && a.text == "" {
			return "", fail(Failed, "no answer: %w; --force does not ask", a.err)
		}
		return a.text, nil
	}
}
