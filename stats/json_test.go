package stats_test

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
)

type jsonField struct {
	ObjType string            `json:"objType"`
	Field   jsonPlace         `json:"field"`
	Tags    map[string]string `json:"tags"`
	Value   struct {
		Type  string `json:"type"`
		Value any    `json:"value"`
	} `json:"value"`
}

type jsonPlace struct {
	Pos  int    `json:"pos"`
	Name string `json:"name"`
}

func parseJSON(t *testing.T, body string) (rows [][]jsonField) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestJSONSaysWhatTheCSVSays(t *testing.T) {
	lines := parseCSV(t, still(t, "/haproxy?stats;csv"))
	rows := parseJSON(t, still(t, "/haproxy?stats;json"))
	if len(rows) != len(lines) {
		t.Fatalf("%d rows in JSON, %d in the CSV", len(rows), len(lines))
	}
	for i, row := range rows {
		filled := 0
		for _, v := range lines[i] {
			if v != "" {
				filled++
			}
		}
		if len(row) != filled {
			t.Errorf("row %d has %d fields, %d in the CSV", i, len(row), filled)
		}
		for _, f := range row {
			got := fmt.Sprint(f.Value.Value)
			if n, ok := f.Value.Value.(float64); ok {
				got = fmt.Sprintf("%.0f", n)
			}
			if want := lines[i][f.Field.Name]; got != want {
				t.Errorf("row %d %s: %s, in the CSV %s", i, f.Field.Name, got, want)
			}
		}
	}
}

func TestJSONTagsAreHAProxys(t *testing.T) {
	b, err := os.ReadFile("testdata/mlb-stats-excerpt.json")
	if err != nil {
		t.Fatal(err)
	}
	describe := func(f jsonField) string {
		return fmt.Sprint(f.Field, f.Tags["origin"], f.Tags["nature"], f.Tags["scope"], f.Value.Type)
	}
	theirs := map[string]string{}
	for _, row := range parseJSON(t, string(b)) {
		for _, f := range row {
			theirs[f.ObjType+" "+f.Field.Name] = describe(f)
		}
	}
	compared := 0
	for _, row := range parseJSON(t, still(t, "/haproxy?stats;json")) {
		for _, f := range row {
			want, ok := theirs[f.ObjType+" "+f.Field.Name]
			if !ok {
				continue
			}
			compared++
			if got := describe(f); got != want {
				t.Errorf("%s: %s, HAProxy has %s", f.ObjType, got, want)
			}
		}
	}
	if compared < 1000 {
		t.Errorf("only %d fields were compared", compared)
	}
}
