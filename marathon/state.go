package marathon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.uber.org/zap"
)

// The picture is kept on disk, so that a load balancer that starts while Marathon is away serves what it knew last. What was saved
// holds until the first read.

// NoState as Options.StateDir keeps nothing.
const NoState = "none"

// DefaultStateDir is the folder of which it is no error that it cannot be written.
const DefaultStateDir = "/var/lib/marathon-lb"

// saveEach is the shortest time between two writes of the picture.
const saveEach = 10 * time.Second

// savedFormat rises when older programs could not read the file rightly.
const savedFormat = 1

// saved is the file: Marathon's own JSON, but for what it does not say.
type saved struct {
	Format    int             `json:"format"`
	At        time.Time       `json:"at"`        // when the newest full read was asked for
	Endpoints []string        `json:"endpoints"` // whose picture it is
	Apps      []savedApp      `json:"apps"`
	Verdicts  map[string]bool `json:"verdicts"` // by task id
}

type savedApp struct {
	App   App                   `json:"app"`
	Pod   bool                  `json:"pod,omitempty"`
	Addrs map[string]netip.Addr `json:"addrs,omitempty"` // of agents, by name
}

// stateFile is where the picture is kept; nil for nowhere.
type stateFile struct {
	path  string
	due   time.Time // when to write, zero if nothing changed
	wrote time.Time
}

// StateFile makes the folder of Options.StateDir and returns the path of the picture in it; empty if nothing is to be kept. It is an
// error if a folder that was asked for cannot be written.
func (o Options) StateFile() (string, error) {
	dir := o.StateDir
	if dir == NoState || dir == "" {
		return "", nil
	}
	name := "picture.json"
	if o.Name != "" {
		name = "picture-" + o.Name + ".json"
	}
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		err = writable(dir)
	}
	switch {
	case err == nil:
		return filepath.Join(dir, name), nil
	case dir == DefaultStateDir:
		return "", nil
	}
	return "", fmt.Errorf("state directory %s: %w", dir, err)
}

func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".writable")
	if err != nil {
		return err
	}
	f.Close()
	return os.Remove(f.Name())
}

// restore makes what was saved the picture. It is served until the first read says better.
func (w *Watcher) restore(now time.Time) {
	if w.state.path == "" {
		return
	}
	s, err := readState(w.state.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return
	case err != nil:
		w.log.Warn("the saved table cannot be read; nothing is served before Marathon was read", zap.Error(err))
		return
	case !slices.Equal(s.Endpoints, w.o.Endpoints):
		w.log.Info("the saved table is that of another Marathon", zap.Strings("saved", s.Endpoints))
		return
	}
	w.picture.verdicts = s.Verdicts
	for _, a := range s.Apps {
		a.App.Pod = a.Pod
		w.names.know(a.Addrs)
		h, again := w.picture.draft(a.App, 0, now)
		w.put(h, again, now)
	}
	w.synced, w.restored, w.confirmed = true, true, s.At
	w.log.Warn("serving the saved table until Marathon was read", zap.Time("saved", s.At), zap.Int("apps", len(s.Apps)))
}

func readState(path string) (saved, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return saved{}, err
	}
	var s saved
	if err := json.Unmarshal(text, &s); err != nil {
		return saved{}, fmt.Errorf("%s: %w", path, err)
	}
	if s.Format != savedFormat {
		return saved{}, fmt.Errorf("%s: format %d, want %d", path, s.Format, savedFormat)
	}
	if s.Verdicts == nil {
		s.Verdicts = map[string]bool{}
	}
	return s, nil
}

// snapshot is what is to be written: the apps that ask for a load balancer.
func (w *Watcher) snapshot() saved {
	s := saved{Format: savedFormat, At: w.confirmed, Endpoints: w.o.Endpoints, Verdicts: map[string]bool{}}
	for _, h := range w.picture.apps {
		if !h.app.named(w.allGroups) {
			continue
		}
		s.Apps = append(s.Apps, savedApp{App: h.app, Pod: h.app.Pod, Addrs: h.facts.Addrs})
		for _, t := range h.app.Tasks {
			if alive, known := w.picture.verdicts[t.ID]; known {
				s.Verdicts[t.ID] = alive
			}
		}
	}
	return s
}

// write puts the file in its place in one step: whoever reads it sees a whole one. Only its owner may read it, because labels hold
// hashes of passwords.
func (s saved) write(path string) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".picture") // readable by its owner only
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// saveSoon notes that the picture changed.
func (w *Watcher) saveSoon(now time.Time) {
	if w.state.path != "" && w.state.due.IsZero() {
		w.state.due = later(now, w.state.wrote.Add(saveEach))
	}
}

// Save writes the picture now, for a process that is about to be started, and waits until it is there or ctx ends.
func (w *Watcher) Save(ctx context.Context) {
	saved := make(chan struct{})
	select {
	case w.saving <- saved:
		<-saved
	case <-ctx.Done():
	}
}

func (w *Watcher) saveNow(now time.Time) {
	if w.state.path != "" && w.synced {
		w.state.due = now
		w.save(now, func(write func()) { write() })
	}
}

// save writes the picture if that is due. It is written beside the loop, which goes on.
func (w *Watcher) save(now time.Time, beside func(func())) {
	if w.state.due.IsZero() || now.Before(w.state.due) {
		return
	}
	w.state.due, w.state.wrote = time.Time{}, now
	s := w.snapshot()
	beside(func() {
		if err := s.write(w.state.path); err != nil {
			w.log.Warn("the table cannot be saved", zap.Error(err))
		}
	})
}
