package marathon

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
)

// ReadDefinitions reads app definitions as they lie in repositories: one app, a list of apps, a group with its apps and groups, or
// Marathon's {"apps":[...]}, with tasks or without. Names in a group are relative to it, as in Marathon. Apps that cannot be read are
// told, the others returned.
func ReadDefinitions(data []byte) ([]App, []AppError, error) {
	var d definitions
	if err := d.read(data, "/"); err != nil {
		return nil, nil, err
	}
	return d.apps, d.bad, nil
}

type definitions struct {
	apps []App
	bad  []AppError
}

// read takes an app, a list or a group that stands in the group base.
func (d *definitions) read(data json.RawMessage, base string) error {
	data = bytes.TrimSpace(data)
	if len(data) > 0 && data[0] == '[' {
		var list []json.RawMessage
		if err := json.Unmarshal(data, &list); err != nil {
			return err
		}
		return d.readAll(list, base)
	}
	var group struct {
		ID     string            `json:"id"`
		Apps   []json.RawMessage `json:"apps"`
		Groups []json.RawMessage `json:"groups"`
	}
	if err := json.Unmarshal(data, &group); err != nil {
		return fmt.Errorf("neither an app nor a group: %w", err)
	}
	if group.Apps == nil && group.Groups == nil {
		d.app(data, base)
		return nil
	}
	base = within(base, group.ID)
	return errors.Join(d.readAll(group.Apps, base), d.readAll(group.Groups, base))
}

func (d *definitions) readAll(list []json.RawMessage, base string) error {
	for _, one := range list {
		if err := d.read(one, base); err != nil {
			return err
		}
	}
	return nil
}

func (d *definitions) app(data json.RawMessage, base string) {
	var a App
	if err := json.Unmarshal(data, &a); err != nil {
		d.bad = append(d.bad, AppError{List: "apps", Index: len(d.apps) + len(d.bad), ID: a.ID, Err: err})
		return
	}
	a.ID = within(base, a.ID)
	d.apps = append(d.apps, a)
}

// within is an id as it is meant in a group.
func within(base, id string) string {
	if path.IsAbs(id) {
		return id
	}
	return path.Join(base, id)
}
