package marathon

import (
	"errors"
	"fmt"
	"slices"

	"marathon-lb/internal/hacfg"
	"marathon-lb/internal/route"
)

// The template HEAD, which no label can set, has the sections global and defaults. Most of it is about HAProxy's process; of what
// holds for services, these lines of its defaults are carried out.
var ofDefaults = []string{
	"errorfile", "compression algo", "compression type", "compression offload", "timeout connect", "timeout server", "timeout tunnel", "option httplog", "option tcplog",
}

const globalHead = "HEAD"

// ReadsDefaults says that a template, by its name without HAPROXY_, is carried out as far as its defaults go.
func ReadsDefaults(name string) bool { return name == globalHead }

// sections are the words that begin one.
var sections = []string{
	"global", "defaults", "listen", "frontend", "backend", "userlist", "peers", "resolvers", "mailers", "cache", "program", "ring", "http-errors",
}

// defaultLines are those of a template's defaults that are carried out.
func defaultLines(text string) (lines []hacfg.Line) {
	section := ""
	for _, line := range hacfg.Read(text) {
		switch {
		case line.Err != nil:
		case slices.Contains(sections, line.Words[0]):
			section = line.Words[0]
		case section == "defaults":
			if row := findDirective(line.Words); row != nil && slices.Contains(ofDefaults, row.Words) {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// DefaultErrors are the files of HEAD's errorfile lines, which stand for answers of ours to whatever request. The error says which lines
// cannot be used.
func DefaultErrors(templates map[string]string) (files []route.ErrorFile, err error) {
	for _, line := range defaultLines(templates[globalHead]) {
		if line.Words[0] != "errorfile" {
			continue
		}
		f, bad := errorFile(line.Words[1:])
		if bad != nil {
			err = errors.Join(err, fmt.Errorf("line %d: errorfile: %w", line.Number, bad))
			continue
		}
		files = append(files, f)
	}
	return files, err
}

// defaults has HEAD's lines for services hold for this one.
func (r *reader) defaults() {
	text := r.s.options.Templates[globalHead]
	rank := rows[labelKey{globalHead, true}]
	r.set = setting{row: &table[rank], rank: rank, name: prefix + globalHead, value: text, port: r.s.index, forAll: true}
	for _, r.line = range defaultLines(text) {
		if r.line.Words[0] != "errorfile" && (r.line.Words[0] != "compression" || r.s.mode == route.HTTP) {
			r.obeyLine()
		}
	}
}
