package marathon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// pods reads all pods. Marathon before 1.4 has no such resource, and so no pods.
func (c *Client) pods(ctx context.Context) (pods []App, bad []AppError, err error) {
	err = c.get(ctx, "/v2/pods::status", nil, func(_ Source, r *http.Response) error {
		pods, bad = nil, nil
		if r.StatusCode == http.StatusNotFound || r.StatusCode == http.StatusMethodNotAllowed {
			return nil
		}
		if err := wantJSON(r); err != nil {
			return err
		}
		var err error
		bad, err = ReadPods(r.Body, func(a App) { pods = append(pods, a) })
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return pods, bad, nil
}

// Pod reads one pod as App reads an app.
func (c *Client) Pod(ctx context.Context, id string) (App, Source, error) {
	var pod App
	var from Source
	err := c.get(ctx, "/v2/pods"+id+"::status", nil, func(s Source, r *http.Response) error {
		pod, from = App{}, s
		if r.StatusCode == http.StatusNotFound {
			return fmt.Errorf("%w: %s", ErrAppGone, id)
		}
		if err := wantJSON(r); err != nil {
			return err
		}
		var raw json.RawMessage
		err := json.NewDecoder(r.Body).Decode(&raw)
		if err == nil {
			pod, err = readPod(raw)
		}
		if err == nil && pod.ID != id {
			err = fmt.Errorf("%w: it is not about %s", ErrNoApps, id)
		}
		return err
	})
	return pod, from, err
}

// AppOrPod reads what has that id.
func (c *Client) AppOrPod(ctx context.Context, id string) (App, Source, error) {
	app, from, err := c.App(ctx, id)
	if errors.Is(err, ErrAppGone) {
		return c.Pod(ctx, id)
	}
	return app, from, err
}
