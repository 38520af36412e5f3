package marathon_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"marathon-lb/marathon"
)

func list(text string) (ids []string, bad []marathon.AppError, err error) {
	bad, err = marathon.ReadApps(strings.NewReader(text), func(a marathon.App) { ids = append(ids, a.ID) })
	return ids, bad, err
}

func TestAMalformedAppDoesNotLoseItsNeighbours(t *testing.T) {
	ids, bad, err := list(`{"apps":[{"id":"/a"},{"id":"/b","instances":"two"},7,null,{"labels":{}},{"id":"/c"}]}`)
	if err != nil || fmt.Sprint(ids) != "[/a /c]" {
		t.Fatalf("%v %v", ids, err)
	}
	if len(bad) != 4 || bad[0].ID != "/b" || bad[0].Index != 1 || bad[3].Index != 4 {
		t.Errorf("%v", bad)
	}
}

func TestAnAnswerThatIsNoListIsAnError(t *testing.T) {
	for _, c := range []struct {
		text string
		want error
	}{
		{``, io.ErrUnexpectedEOF},
		{`{}`, marathon.ErrNoApps},
		{`{"apps":null}`, marathon.ErrNoApps},
		{`{"apps":{}}`, marathon.ErrNoApps},
		{`[]`, marathon.ErrNoApps},
		{`null`, marathon.ErrNoApps},
		{`{"message":"no leader"}`, marathon.ErrNoApps},
		{`{"apps":[{"id":"/a"}`, io.ErrUnexpectedEOF},
		{`{"apps":[{"id":"/a"},{"id":`, io.ErrUnexpectedEOF},
		{`{"apps":[{"id":"/a"}]`, io.ErrUnexpectedEOF},
		{`<html>`, nil},
		{`{"apps":[{"id":"/a"},,]}`, nil},
	} {
		_, _, err := list(c.text)
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.text, err)
		}
	}
	ids, _, err := list(`{"x":[1,{"y":null}],"apps":[],"z":1}`)
	if err != nil || len(ids) != 0 {
		t.Errorf("an empty list: %v %v", ids, err)
	}
}

func FuzzReadApps(f *testing.F) {
	names, _ := filepath.Glob("testdata/apps/*.json")
	for _, name := range names {
		data, _ := os.ReadFile(name)
		f.Add(data)
	}
	f.Add([]byte(`{"apps":[{"id":"/a","labels":{"a":null},"tasks":[null]},{"unreachableStrategy":"x","id":"/b","ipAddress":{}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		n := 0
		bad, err := marathon.ReadApps(strings.NewReader(string(data)), func(a marathon.App) {
			if n++; a.ID == "" {
				t.Error("an app without id")
			}
			for _, task := range a.Tasks {
				if task.ID == "" {
					t.Error("a task without id")
				}
				marathon.InstanceOf(task.ID)
			}
		})
		if err != nil {
			return
		}
		// What was read as a list is one for encoding/json too, of that length (a member of that name may come twice).
		var whole struct{ Apps []json.RawMessage }
		first, _, _ := strings.Cut(string(data), "\x00")
		if strings.Count(strings.ToLower(first), `"apps"`) == 1 && json.Unmarshal(data, &whole) == nil && len(whole.Apps) != n+len(bad) {
			t.Errorf("%d apps and %d bad ones of %d", n, len(bad), len(whole.Apps))
		}
	})
}
