package stats

import (
	"bufio"
	"io"
	"strconv"
)

// csvHeader is the first line: "# ", every name, each with a comma after it. Parsers in the field rely on the last comma.
var csvHeader = func() string {
	h := "# "
	for i := range columns {
		h += columns[i].name + ","
	}
	return h + "\n"
}()

// writeCSV writes HAProxy's CSV. No cell is ever quoted: readers in the field do not agree on how (see plain).
func writeCSV(w io.Writer, rows []row) error {
	b := bufio.NewWriterSize(w, 32<<10)
	b.WriteString(csvHeader)
	for i := range rows {
		line := b.AvailableBuffer()
		for c := range columns {
			line = append(columns[c].cell(&rows[i]).append(line), ',')
		}
		b.Write(append(line, '\n'))
	}
	return b.Flush()
}

func (c cell) append(to []byte) []byte {
	switch c.form {
	case number:
		return strconv.AppendInt(to, c.n, 10)
	case text:
		return append(to, c.s...)
	}
	return to
}
