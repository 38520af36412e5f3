package marathon

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// UnmarshalJSON reads an app. A label that is no string and a task that cannot be read become Notes; anything else of the wrong
// type is an error.
func (a *App) UnmarshalJSON(data []byte) error {
	type plain App
	wire := struct {
		*plain
		Labels map[string]json.RawMessage `json:"labels"`
		Tasks  []json.RawMessage          `json:"tasks"`
	}{plain: (*plain)(a)}
	if err := json.Unmarshal(data, &wire); err != nil {
		return plainly(err)
	}
	if a.ID == "" {
		return errors.New("an app without id")
	}
	a.readLabels(wire.Labels)
	a.readTasks(wire.Tasks)
	return nil
}

func (a *App) readLabels(raw map[string]json.RawMessage) {
	a.Labels = make(map[string]string, len(raw))
	for name, value := range raw {
		var text string
		err := json.Unmarshal(value, &text)
		switch {
		case string(value) == "null":
			a.note("labels."+name, value, "null is not a string; the label is ignored")
		case err == nil:
			a.Labels[name] = text
		case value[0] == '{' || value[0] == '[':
			a.note("labels."+name, value, "a label must be a string; it is ignored")
		default:
			a.Labels[name] = string(value)
			a.note("labels."+name, value, "a label must be a string; its text is used")
		}
	}
	slices.SortFunc(a.Notes, func(x, y Note) int { return bytes.Compare([]byte(x.Field), []byte(y.Field)) })
}

func (a *App) readTasks(raw []json.RawMessage) {
	if raw == nil {
		return
	}
	a.Tasks = make([]Task, 0, len(raw))
	seen := make(map[string]bool, len(raw))
	for i, value := range raw {
		field := "tasks[" + strconv.Itoa(i) + "]"
		var t Task
		err := json.Unmarshal(value, &t)
		switch {
		case err != nil:
			a.note(field, value, "it cannot be read and is left out: "+plainly(err).Error())
		case t.ID == "":
			a.note(field, value, "it has no id and is left out")
		case seen[t.ID]:
			a.note(field, []byte(t.ID), "its id is there twice; the first stays")
		default:
			seen[t.ID] = true
			a.Tasks = append(a.Tasks, t)
		}
	}
}

func (a *App) note(field string, value []byte, reason string) {
	const most = 80
	if len(value) > most {
		value = append(slices.Clip(value[:most]), "..."...)
	}
	a.Notes = append(a.Notes, Note{Field: field, Value: string(value), Reason: reason})
}

// MarshalJSON writes an app as Marathon does, so that UnmarshalJSON reads it as it was; Notes are left out.
func (a App) MarshalJSON() ([]byte, error) {
	type plain App
	return json.Marshal(struct {
		plain
		Labels map[string]string `json:"labels"`
		Tasks  []Task            `json:"tasks"`
	}{plain(a), a.Labels, a.Tasks})
}

// MarshalJSON writes an empty object for one that was not set.
func (ip IPAddress) MarshalJSON() ([]byte, error) {
	type plain IPAddress
	if !ip.Set {
		return []byte("{}"), nil
	}
	return json.Marshal(plain(ip))
}

// MarshalJSON writes the object or the string "disabled".
func (u Unreachable) MarshalJSON() ([]byte, error) {
	type plain Unreachable
	if u.Disabled {
		return []byte(`"disabled"`), nil
	}
	return json.Marshal(plain(u))
}

// UnmarshalJSON tells an empty object, which means nothing, from one with members.
func (ip *IPAddress) UnmarshalJSON(data []byte) error {
	type plain IPAddress
	if err := json.Unmarshal(data, (*plain)(ip)); err != nil {
		return err
	}
	inner := bytes.TrimSpace(data)
	ip.Set = len(inner) > 2 && len(bytes.TrimSpace(inner[1:len(inner)-1])) > 0
	return nil
}

// UnmarshalJSON takes the object and the string "disabled".
func (u *Unreachable) UnmarshalJSON(data []byte) error {
	if data[0] == '"' {
		u.Disabled = string(data) == `"disabled"`
		return nil
	}
	type plain Unreachable
	return json.Unmarshal(data, (*plain)(u))
}

// AppError says that one app of a list could not be read. Its neighbours are not concerned.
type AppError struct {
	List  string // apps or pods, of Marathon; empty for a file
	Index int
	Line  int    // of a file, 0 if it is none
	ID    string // empty if not even that could be read
	Err   error
}

func (e AppError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("line %d: %v", e.Line, e.Err)
	}
	return fmt.Sprintf("%s[%d] %s: %v", e.List, e.Index, e.ID, e.Err)
}

// Unwrap is the reason.
func (e AppError) Unwrap() error { return e.Err }

// ErrNoApps says that an answer was JSON but had no list of apps: that is no empty list.
var ErrNoApps = errors.New("the answer has no apps list")

// ReadApps reads the answer {"apps":[...]} of GET /v2/apps element by element, so that its cost in memory is one app, not the
// list. each is called for every app that can be read. It returns those that could not, and an error if the answer as a
// whole is not what it should be; what each got before is then a part of unknown size and must not be used.
func ReadApps(r io.Reader, each func(App)) ([]AppError, error) {
	d := json.NewDecoder(r)
	if err := expect(d, '{'); err != nil {
		return nil, err
	}
	var bad []AppError
	found := false
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		if key != "apps" {
			var skip json.RawMessage
			if err := d.Decode(&skip); err != nil {
				return nil, err
			}
			continue
		}
		if bad, err = readList(d, readOne, each); err != nil {
			return nil, err
		}
		found = true
	}
	if err := expect(d, '}'); err != nil {
		return nil, err
	}
	if !found {
		return nil, ErrNoApps
	}
	return bad, nil
}

func readOne(data []byte) (App, error) {
	var app App
	err := json.Unmarshal(data, &app)
	return app, err
}

func readList(d *json.Decoder, one func([]byte) (App, error), each func(App)) ([]AppError, error) {
	if err := expect(d, '['); err != nil {
		return nil, err
	}
	var bad []AppError
	var raw json.RawMessage
	for i := 0; d.More(); i++ {
		if err := d.Decode(&raw); err != nil {
			return nil, err
		}
		app, err := one(raw)
		if err != nil {
			bad = append(bad, AppError{List: "apps", Index: i, ID: app.ID, Err: err})
			continue
		}
		each(app)
	}
	return bad, expect(d, ']')
}

func expect(d *json.Decoder, want json.Delim) error {
	t, err := d.Token()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	if t != want {
		return fmt.Errorf("%w: %v where %v should be", ErrNoApps, t, want)
	}
	return nil
}
