package stats

import (
	"bufio"
	"encoding/json"
	"io"
)

// field is one value in HAProxy's JSON: an array of rows, each an array of these.
type field struct {
	ObjType   string `json:"objType"`
	ProxyID   int    `json:"proxyId"`
	ID        int    `json:"id"`
	Field     place  `json:"field"`
	ProcessNo int    `json:"processNum"`
	Tags      labels `json:"tags"`
	Value     value  `json:"value"`
}

type place struct {
	Pos  int    `json:"pos"`
	Name string `json:"name"`
}

type labels struct {
	Origin string `json:"origin"`
	Nature string `json:"nature"`
	Scope  string `json:"scope"`
}

type value struct {
	Type  string `json:"type"`
	Value any    `json:"value"`
}

// serviceScope are the columns that are the same in every process of a service; the rest are of this process.
var serviceScope = map[string]bool{
	"pxname": true, "svname": true, "iid": true, "sid": true, "type": true, "mode": true,
	"check_rise": true, "check_fall": true, "check_health": true,
}

// backendTags are where HAProxy calls a backend's value something else than a frontend's or server's.
var backendTags = map[string]tags{"act": asLevel, "bck": asLevel, "rate": asLevel, "rate_max": asLevel}

// writeJSON writes the rows in HAProxy's JSON, row by row, so that memory does not grow with the table.
func writeJSON(w io.Writer, rows []row) error {
	b := bufio.NewWriterSize(w, 32<<10)
	sep := byte('[')
	for i := range rows {
		line, err := json.Marshal(fields(&rows[i]))
		if err != nil {
			return err
		}
		b.WriteByte(sep)
		b.Write(line)
		sep = ','
	}
	b.WriteString("]\n")
	return b.Flush()
}

// fields are the cells of a row that are not empty.
func fields(r *row) []field {
	all := make([]field, 0, len(columns))
	for i := range columns {
		c := &columns[i]
		v := c.cell(r)
		if v.form == empty {
			continue
		}
		tags := c.tags
		if other, ok := backendTags[c.name]; ok && r.kind == backend {
			tags = other
		}
		f := field{
			ObjType: [...]string{"Frontend", "Backend", "Server"}[r.kind], ProxyID: r.iid, ID: r.sid, ProcessNo: 1,
			Field: place{i, c.name},
			Tags:  labels{tags.origin, tags.nature, "Process"},
			Value: value{tags.typ, v.n},
		}
		if v.form == text {
			f.Value.Value = v.s
		}
		if serviceScope[c.name] {
			f.Tags.Scope = "Service"
		}
		all = append(all, f)
	}
	return all
}
