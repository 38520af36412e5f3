package marathontest

import (
	"context"
	"fmt"
)

// Wait returns when the condition holds. It is asked again after each change of Marathon's state, and may ask the Server.
func (s *Server) Wait(ctx context.Context, holds func() bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if holds() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ctx.Done():
			return fmt.Errorf("marathontest: %w", context.Cause(s.ctx))
		}
	}
}

// WaitDeployment returns when a deployment is over, well or not.
func (s *Server) WaitDeployment(ctx context.Context, id string) error {
	return s.Wait(ctx, func() bool { return !s.deploying(id) })
}

// WaitSettled returns when no deployment runs.
func (s *Server) WaitSettled(ctx context.Context) error {
	return s.Wait(ctx, func() bool { return !s.deploying("") })
}

// deploying says whether a deployment runs; any if id is empty.
func (s *Server) deploying(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.deployments {
		if id == "" || d.id == id {
			return true
		}
	}
	return false
}

// WaitRunning returns when an app has exactly so many instances, all of them running and, as far as its health checks go, healthy.
func (s *Server) WaitRunning(ctx context.Context, id string, instances int) error {
	return s.Wait(ctx, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		all := s.of(absolute(id))
		return len(all) == instances && count(all, (*instance).ready) == instances
	})
}

// WaitStreams returns when at least so many readers follow the event stream.
func (s *Server) WaitStreams(ctx context.Context, readers int) error {
	return s.Wait(ctx, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.readers) >= readers
	})
}
