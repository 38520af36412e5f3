package marathon_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"marathon-lb/marathon"
)

func TestAnAppThatIsWrittenIsReadAsItWas(t *testing.T) {
	for _, name := range samples(t) {
		for _, want := range read(t, name) {
			text, err := json.Marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			var got marathon.App
			if err := json.Unmarshal(text, &got); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			want.Notes = nil
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s, %s:\ngot  %+v\nwant %+v", name, want.ID, got, want)
			}
		}
	}
}

func TestWhereTheTableIsKept(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		o    marathon.Options
		want string
		bad  bool
	}{
		{marathon.Options{}, "", false},
		{marathon.Options{StateDir: marathon.NoState}, "", false},
		{marathon.Options{StateDir: filepath.Join(dir, "a", "b")}, filepath.Join(dir, "a", "b", "picture.json"), false},
		{marathon.Options{StateDir: dir, Name: "east"}, filepath.Join(dir, "picture-east.json"), false},
		{marathon.Options{StateDir: filepath.Join(file, "c")}, "", true},
	} {
		if got, err := c.o.StateFile(); got != c.want || (err != nil) != c.bad {
			t.Errorf("%+v: %q, %v", c.o, got, err)
		}
	}
}
