package proxy

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"

	"marathon-lb/internal/route"
)

// errorPage is a file of "errorfile": a whole response that is told in the place of one of ours.
type errorPage struct {
	status int
	fields []Field
	body   string
}

// pages are the files of the backends, read when a change names them. A file that cannot be used is a problem, and our own answer is
// told.
type pages struct {
	mu  sync.RWMutex
	of  map[string]map[int]*errorPage // by backend and status
	bad map[string][]route.Problem    // by backend; those of all have no name
	all map[int]*errorPage            // for whatever request, by status
}

// begin reads the files for whatever request.
func (p *pages) begin(files []route.ErrorFile) {
	p.of, p.bad = map[string]map[int]*errorPage{}, map[string][]route.Problem{}
	p.all, p.bad[""] = readPages("", files)
}

const mostPage = 64 << 10 // bytes of such a file

// use reads what a change names.
func (p *pages) use(c route.Change) {
	of, bad := map[string]map[int]*errorPage{}, map[string][]route.Problem{}
	for _, k := range c.SetBackends {
		if k.Do != nil && len(k.Do.Errors) > 0 {
			of[k.Name], bad[k.Name] = readPages(k.App, k.Do.Errors)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range c.SetBackends {
		p.forget(k.Name)
	}
	for _, name := range c.DropBackends {
		p.forget(name)
	}
	maps.Copy(p.of, of)
	maps.Copy(p.bad, bad)
}

// readPages reads the files of an app, or of all.
func readPages(app string, files []route.ErrorFile) (of map[int]*errorPage, bad []route.Problem) {
	remedy := "put a file with a whole HTTP response there, and deploy the app again"
	if app == "" {
		remedy = "put a file with a whole HTTP response there, and start again"
	}
	of = map[int]*errorPage{}
	for _, e := range files {
		page, err := readPage(e.Path)
		if err != nil {
			bad = append(bad, route.Problem{App: app, Label: "errorfile", Value: e.Path, Reason: err.Error() + "; our own answer is told", Remedy: remedy})
			continue
		}
		of[e.Status] = page
	}
	return of, bad
}

func (p *pages) forget(backend string) {
	delete(p.of, backend)
	delete(p.bad, backend)
}

// find is the page of a backend for a status, or that for whatever request, nil if there is none.
func (p *pages) find(backend *route.Backend, status int) *errorPage {
	if backend == nil || backend.Spec.Do == nil || len(backend.Spec.Do.Errors) == 0 {
		return p.all[status]
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	return cmp.Or(p.of[backend.Spec.Name][status], p.all[status])
}

func (p *pages) problems() (all []route.Problem) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, name := range slices.Sorted(maps.Keys(p.bad)) {
		all = append(all, p.bad[name]...)
	}
	return all
}

// readPage reads a file as HAProxy has them: a status line, fields, an empty line and a body.
func readPage(path string) (*errorPage, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the file cannot be read: %w", errors.Unwrap(err))
	case !info.Mode().IsRegular() || info.Size() > mostPage:
		return nil, fmt.Errorf("not a file of at most %d KB", mostPage>>10)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the file cannot be read: %w", errors.Unwrap(err))
	}
	head, body, ok := bytes.Cut(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), []byte("\n\n"))
	resp, err := http.ReadResponse(bufio.NewReader(io.MultiReader(bytes.NewReader(head), strings.NewReader("\n\n"))), nil)
	if err != nil || !ok || resp.StatusCode < 200 {
		return nil, errors.New("the file holds no HTTP response")
	}
	page := &errorPage{status: resp.StatusCode, body: string(body)}
	for _, f := range fieldsOf(resp.Header) {
		if !containsFold(hopByHop, f.Name) && !f.is("Content-Length") {
			page.fields = append(page.fields, f)
		}
	}
	slices.SortFunc(page.fields, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	return page, nil
}
