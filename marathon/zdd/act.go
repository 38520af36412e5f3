package zdd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"go.uber.org/zap/zapcore"

	"marathon-lb/marathon"
)

// list reads all apps. One that cannot be read is none of ours: what Marathon has for a deployment can be.
func (d *deployment) list(ctx context.Context) ([]App, error) {
	var answer struct {
		Apps []json.RawMessage `json:"apps"`
	}
	if err := d.read(ctx, "/v2/apps", &answer); err != nil {
		return nil, err
	}
	if answer.Apps == nil {
		return nil, fail(NoMarathon, "from Marathon: %w: GET /v2/apps", marathon.ErrNoApps)
	}
	var apps []App
	for _, text := range answer.Apps {
		var a App
		if err := json.Unmarshal(text, &a); err != nil {
			d.tell(zapcore.WarnLevel, "Marathon has an app that cannot be read: %v", err)
			continue
		}
		apps = append(apps, a)
	}
	return apps, nil
}

// readApp reads an app anew.
func (d *deployment) readApp(ctx context.Context, a *App) error {
	var answer struct{ App *App }
	if err := d.read(ctx, "/v2/apps"+a.ID, &answer); err != nil {
		return err
	}
	if answer.App == nil || answer.App.ID != a.ID {
		return fail(NoMarathon, "from Marathon: the answer is not about %s", a.ID)
	}
	*a = *answer.App
	return nil
}

func (d *deployment) read(ctx context.Context, path string, into any) error {
	err := d.tries(ctx, func() error {
		text, err := d.marathon.Read(ctx, path)
		if err != nil {
			return err
		}
		return json.Unmarshal(text, into)
	})
	if err != nil && ctx.Err() == nil {
		err = &Error{Code: NoMarathon, Err: fmt.Errorf("from Marathon: %w", err)}
	}
	return err
}

// mostTries is how often something is asked of Marathon before it has failed: a leader may be changing.
const mostTries = 4

// tries asks again what failed for no reason that is in the question.
func (d *deployment) tries(ctx context.Context, ask func() error) error {
	for n := 1; ; n++ {
		err := ask()
		var no *marathon.Refusal
		var status marathon.StatusError
		final := errors.As(err, &no) && no.Status < 500 || errors.As(err, &status) && status < 500
		if err == nil || final || n == mostTries {
			return err
		}
		d.tell(zapcore.WarnLevel, "trying again: %v", err)
		if err := sleep(ctx, d.o.StepDelay); err != nil {
			return err
		}
	}
}

// write changes something. It is not cut short by an interruption: one wants to know what came of it. A deployment that holds the
// app is no failure: held says which, and it is waited for by looking again.
func (d *deployment) write(ctx context.Context, code Code, method, path string, query url.Values, body any) (held string, err error) {
	err = d.tries(ctx, func() error {
		return d.marathon.Write(context.WithoutCancel(ctx), method, path, query, body)
	})
	var no *marathon.Refusal
	switch {
	case err == nil:
		return "", nil
	case errors.As(err, &no) && no.Locked():
		return holder(no), nil
	case errors.As(err, &no) && no.Status == http.StatusNotFound && method == http.MethodDelete:
		return "", nil // an earlier try was granted, and its answer lost
	case ctx.Err() != nil:
		return "", ctx.Err()
	}
	return "", &Error{Code: code, Err: fmt.Errorf("from Marathon: %w", err)}
}

func holder(no *marathon.Refusal) string {
	return strings.TrimSpace("an app is held by a deployment of Marathon's: " + strings.Join(no.Deployments, ", "))
}

// create creates the new app. It is not tried again after a failure that leaves open whether it exists now: --resume will find out.
func (d *deployment) create(ctx context.Context, def Definition) error {
	for {
		err := d.marathon.Write(context.WithoutCancel(ctx), http.MethodPost, "/v2/apps", nil, map[string]any(def))
		var no *marathon.Refusal
		switch {
		case err == nil:
			return nil
		case !errors.As(err, &no) || !no.Locked():
			return &Error{Code: CreationFailed, Err: fmt.Errorf("from Marathon: %w", err)}
		}
		if _, err := d.bear(wait("%s", holder(no))); err != nil {
			return err
		}
		if err := sleep(ctx, d.o.StepDelay); err != nil {
			return err
		}
	}
}

// move kills and scales, in this order: what is killed does not serve.
func (d *deployment) move(ctx context.Context, step Step) (held string, err error) {
	d.tell(zapcore.InfoLevel, "%s (%s)", d.words(step), sizes(d.young, d.old))
	if len(step.Kill) > 0 {
		if err := d.consent(ctx, step.Kill); err != nil {
			return "", err
		}
		query := url.Values{"scale": {"true"}}
		held, err := d.write(ctx, ScalingFailed, http.MethodPost, "/v2/tasks/delete", query, map[string]any{"ids": step.Kill})
		if held != "" || err != nil {
			return held, err
		}
	}
	if step.Scale == 0 || ctx.Err() != nil {
		return "", ctx.Err()
	}
	return d.write(ctx, ScalingFailed, http.MethodPut, "/v2/apps"+d.young.ID, nil, map[string]int{"instances": step.Scale})
}

// delete deletes the old app.
func (d *deployment) delete(ctx context.Context, step Step) (held string, err error) {
	d.tell(zapcore.InfoLevel, "%s (%s)", d.words(step), sizes(d.young, d.old))
	if err := d.consent(ctx, step.Kill); err != nil {
		return "", err
	}
	return d.write(ctx, DeletionFailed, http.MethodDelete, "/v2/apps"+d.old.ID, nil, nil)
}

// words tell what a step does, and why.
func (d *deployment) words(s Step) string {
	var parts []string
	switch s.Kind {
	case Wait:
		parts = append(parts, "wait")
	case Done:
		parts = append(parts, "done")
	case Delete:
		parts = append(parts, "delete "+d.old.ID)
	}
	if s.Kind == Move && len(s.Kill) > 0 {
		parts = append(parts, "kill "+strings.Join(s.Kill, ", "))
	}
	if s.Scale > 0 {
		parts = append(parts, fmt.Sprintf("scale %s to %d", d.young.ID, s.Scale))
	}
	return s.Why + ": " + strings.Join(parts, ", ")
}
