package marathon

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path"
)

// ReadDefinitions reads apps and pods as they lie in repositories, and as Marathon answers with them: one of them, a list, a group with
// its apps, pods and groups, {"app":{...}}, {"apps":[...]} or pods with their status. Names in a group are relative to it, as in Marathon,
// and what a definition leaves to Marathon is filled in. What cannot be read is told with its line, the others are returned. The error is
// one of the whole text, an AppError if its line is known.
func ReadDefinitions(data []byte) ([]App, []AppError, error) {
	d := definitions{text: bytes.TrimPrefix(data, []byte("\ufeff"))}
	var whole json.RawMessage
	if err := json.Unmarshal(d.text, &whole); err != nil {
		if s, ok := errors.AsType[*json.SyntaxError](err); ok {
			return nil, nil, AppError{Line: d.line(int(s.Offset)), Err: err}
		}
		return nil, nil, err
	}
	err := d.read(part{text: d.text}.trimmed(), "/")
	return d.apps, d.bad, err
}

type definitions struct {
	text []byte
	apps []App
	bad  []AppError
}

// lists are the members of a group that hold others; "*" is how Marathon answers GET /v2/apps/{group}/*.
var lists = []string{"apps", "pods", "groups", "*"}

// read takes what stands in the group base. Its error would be one of syntax.
func (d *definitions) read(p part, base string) error {
	switch p.text[0] {
	case '[':
		return d.readAll(p, base)
	case '{':
		return d.readObject(p, base)
	}
	d.refuse(p, "", fmt.Errorf("%s where an app, a pod, a group or a list of them should be", jsonKind(p.text)))
	return nil
}

func (d *definitions) readAll(list part, base string) error {
	all, err := list.elements()
	for _, one := range all {
		err = errors.Join(err, d.read(one, base))
	}
	return err
}

func (d *definitions) readObject(p part, base string) error {
	members, err := p.members()
	if err != nil {
		return err
	}
	if app, ok := members["app"]; ok && app.text[0] == '{' {
		return d.read(app, base)
	}
	group, inner := false, cmp.Or(within(base, members["id"].word()), base)
	for _, name := range lists {
		list, ok := members[name]
		group = group || ok
		switch {
		case !ok || string(list.text) == "null":
		case list.text[0] == '[':
			err = errors.Join(err, d.readAll(list, inner))
		default:
			d.refuse(list, "", fmt.Errorf("%s is %s where a list should be", name, jsonKind(list.text)))
		}
	}
	if !group {
		d.take(p, members, base)
	}
	return err
}

// take reads an app or a pod.
func (d *definitions) take(p part, members map[string]part, base string) {
	var a App
	var err error
	_, status := members["spec"]
	_, spec := members["containers"]
	switch {
	case status:
		a, err = readPod(p.text)
	case spec:
		a, err = readPodSpec(p.text)
	default:
		err = json.Unmarshal(p.text, &a)
	}
	if err != nil {
		d.refuse(p, within(base, members["id"].word()), err)
		return
	}
	if a.Version == "" && !a.Pod {
		a.fill(p.text)
	}
	a.ID = within(base, a.ID)
	d.apps = append(d.apps, a)
}

func (d *definitions) refuse(p part, id string, err error) {
	at := p.at
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		at += int(t.Offset)
	}
	d.bad = append(d.bad, AppError{ID: id, Line: d.line(at), Err: err})
}

// line is the number of the line at which that many bytes were read.
func (d *definitions) line(at int) int {
	return 1 + bytes.Count(d.text[:min(at, len(d.text))], []byte("\n"))
}

// within is an id as it is meant in a group; none remains none.
func within(base, id string) string {
	switch {
	case id == "":
		return ""
	case path.IsAbs(id):
		return path.Clean(id)
	}
	return path.Join(base, id)
}

// part is a part of JSON that is known to be well-formed, and where in the whole it begins.
type part struct {
	text []byte
	at   int
}

func (p part) trimmed() part {
	text := bytes.TrimSpace(p.text)
	return part{text, p.at + bytes.Index(p.text, text)}
}

// elements are those of a list.
func (p part) elements() (all []part, err error) {
	d := json.NewDecoder(bytes.NewReader(p.text))
	for _, err = d.Token(); err == nil && d.More(); {
		var one part
		one, err = p.next(d)
		all = append(all, one)
	}
	return all, err
}

// members are those of an object.
func (p part) members() (map[string]part, error) {
	all := map[string]part{}
	d := json.NewDecoder(bytes.NewReader(p.text))
	_, err := d.Token()
	for err == nil && d.More() {
		var name json.Token
		if name, err = d.Token(); err == nil {
			all[fmt.Sprint(name)], err = p.next(d)
		}
	}
	return all, err
}

func (p part) next(d *json.Decoder) (part, error) {
	var text json.RawMessage
	err := d.Decode(&text)
	return part{text, p.at + int(d.InputOffset()) - len(text)}, err
}

// word is a string, empty for what is none.
func (p part) word() (text string) {
	if len(p.text) > 0 {
		json.Unmarshal(p.text, &text)
	}
	return text
}
