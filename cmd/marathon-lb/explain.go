package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"marathon-lb/config"
	"marathon-lb/internal/route"
)

// errQuestion begins the error of a question that cannot be answered as it stands.
var errQuestion = errors.New("explain")

// explain says where a request goes, or whether an app is exposed, and why.
func (c command) explain(args []string) int {
	o, err := config.ParseExplain(args, c.environ)
	if err != nil {
		return c.noWork("explain", err, config.ExplainUsage, nil)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var x route.Explanation
	if o.Files != nil {
		x, err = explainFiles(ctx, o, c.in)
	} else {
		x, err = explainRunning(ctx, o)
	}
	switch {
	case errors.Is(err, errQuestion):
		fmt.Fprintf(c.err, "marathon-lb: %v\n", err)
		return usage
	case err != nil:
		fmt.Fprintf(c.err, "marathon-lb: explain: %v\n", err)
		return cannotRun
	}
	if o.JSON {
		e := json.NewEncoder(c.out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		e.Encode(x)
	} else {
		x.WriteText(c.out)
	}
	if !x.OK {
		return cannotRun
	}
	return clean
}

// askFor is how long a running load balancer is waited for.
const askFor = 10 * time.Second

// mostAnswer bounds what is read of it.
const mostAnswer = 64 << 20

// explainRunning asks a running load balancer.
func explainRunning(ctx context.Context, o config.Explain) (x route.Explanation, err error) {
	ctx, stop := context.WithTimeout(ctx, askFor)
	defer stop()
	q := url.Values{"q": {o.Question.Target}, "method": {o.Question.Method}, "from": {o.Question.From}, "header": o.Question.Header}
	at := strings.TrimRight(o.Balancer, "/")
	if !strings.Contains(at, "://") {
		at = "http://" + at
	}
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, at+"/v1/explain?"+q.Encode(), nil)
	if err != nil {
		return x, fmt.Errorf("%w: --lb: %w", errQuestion, err)
	}
	tr := &http.Transport{DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: tr}).Do(ask)
	if err != nil {
		return x, fmt.Errorf("the load balancer at %s cannot be asked (see --lb): %w", at, unwrapped(err))
	}
	defer resp.Body.Close()
	body := io.LimitReader(resp.Body, mostAnswer)
	switch resp.StatusCode {
	case http.StatusOK:
		if err := json.NewDecoder(body).Decode(&x); err != nil {
			return x, fmt.Errorf("the answer of %s: %w", at, err)
		}
		return x, nil
	case http.StatusBadRequest:
		var said struct{ Error string }
		if json.NewDecoder(body).Decode(&said) == nil && said.Error != "" {
			return x, fmt.Errorf("%w: %s", errQuestion, said.Error)
		}
	}
	return x, fmt.Errorf("%s answers %s: is it the statistics port of a marathon-lb that explains?", at, resp.Status)
}

// unwrapped is an error without the URL, which holds the whole question.
func unwrapped(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
