package marathon

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// The load balancer only reads. What follows is for tools that change apps: zdd.

// Refusal is an answer of Marathon's that says no.
type Refusal struct {
	Method, Path string
	Status       int
	Message      string   // Marathon's own words, if it had some
	Deployments  []string // ids of those that hold the app locked
}

func (r *Refusal) Error() string {
	text := fmt.Sprintf("%s %s: status %d %s", r.Method, r.Path, r.Status, http.StatusText(r.Status))
	if r.Message != "" {
		text += ": " + r.Message
	}
	return text
}

// Locked says that a deployment holds the app: once that is over, the same request may be granted.
func (r *Refusal) Locked() bool {
	return r.Status == http.StatusConflict && (len(r.Deployments) > 0 || strings.Contains(r.Message, "locked"))
}

// Read gets the JSON of a path, from any of the endpoints.
func (c *Client) Read(ctx context.Context, path string) (json.RawMessage, error) {
	var answer json.RawMessage
	err := c.get(ctx, path, nil, func(_ Source, r *http.Response) error {
		if err := wantJSON(r); err != nil {
			return err
		}
		answer = nil
		return json.NewDecoder(r.Body).Decode(&answer)
	})
	return answer, err
}

// Write sends a request that changes something, once, to the endpoint that answered last. What Marathon does not grant is a
// *Refusal. body is sent as JSON, nil is none.
func (c *Client) Write(ctx context.Context, method, path string, query url.Values, body any) error {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
	}
	c.mu.Lock()
	base := c.endpoints[c.first]
	c.mu.Unlock()
	r, err := http.NewRequestWithContext(ctx, method, at(base, path, query), bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "marathon-lb")
	resp, err := c.http.Do(r)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		_, err := io.Copy(io.Discard, io.LimitReader(resp.Body, c.o.MaxBody)) // so that the connection can be kept
		return err
	}
	return refusal(method, path, resp)
}

// mostRefusal bounds what is read of an answer that says no.
const mostRefusal = 64 << 10

func refusal(method, path string, resp *http.Response) *Refusal {
	no := &Refusal{Method: method, Path: path, Status: resp.StatusCode}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, mostRefusal))
	var answer struct {
		Message     string          `json:"message"`
		Details     json.RawMessage `json:"details"`
		Deployments []Deployment    `json:"deployments"`
	}
	if json.Unmarshal(text, &answer) != nil {
		return no
	}
	no.Message = answer.Message
	if len(answer.Details) > 0 && string(answer.Details) != "null" {
		no.Message = strings.TrimSpace(no.Message + " " + string(answer.Details))
	}
	for _, d := range answer.Deployments {
		no.Deployments = append(no.Deployments, d.ID)
	}
	return no
}
