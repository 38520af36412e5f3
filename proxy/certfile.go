package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// certFile is a PEM file as it was when it was last read.
type certFile struct {
	path string
	info fs.FileInfo // nil if it could not be read
	read time.Time
	text string
	cert *tls.Certificate // the last good one, nil if there was none
	err  error            // why what is there now cannot be used

	authorities bool           // that is what it has to hold
	pool        *x509.CertPool // the last good ones of them, nil if there were none
}

const (
	// mostPEM is more than any chain needs.
	mostPEM = 1 << 20
	// blurred is how long after a write the file's time may still not tell it from the next write.
	blurred = 3 * time.Second
)

// look reads the file again if it may have changed, and says whether what is known of it did.
func (f *certFile) look(now time.Time) (changed bool) {
	info, err := os.Stat(f.path)
	if err == nil && f.info != nil && f.same(info) {
		return false
	}
	text, was := "", f.err
	if err == nil {
		text, err = readSome(f.path, info)
	}
	f.info, f.read = info, now
	if err != nil {
		f.info, f.err, f.text = nil, err, ""
		return was == nil || was.Error() != err.Error()
	}
	if text == f.text && (f.cert != nil || f.pool != nil) && was == nil {
		return false
	}
	f.text = text
	err = f.take([]byte(text))
	f.err = err
	return err == nil || was == nil || was.Error() != err.Error()
}

// take reads a new text; one that is bad changes nothing.
func (f *certFile) take(text []byte) error {
	if f.authorities {
		pool, err := readAuthorities(text)
		if err == nil {
			f.pool = pool
		}
		return err
	}
	cert, err := readPEM(text)
	if err == nil {
		f.cert = cert
	}
	return err
}

// same says that the file is for certain as it was when it was read.
func (f *certFile) same(info fs.FileInfo) bool {
	return os.SameFile(f.info, info) && f.info.Size() == info.Size() && f.info.ModTime().Equal(info.ModTime()) &&
		f.read.Sub(info.ModTime()) > blurred
}

// readSome reads a file that is one: a pipe or a device would keep its reader waiting.
func readSome(path string, info fs.FileInfo) (string, error) {
	if !info.Mode().IsRegular() {
		return "", errors.New("it is no file")
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, mostPEM+1))
	if err == nil && len(text) > mostPEM {
		err = fmt.Errorf("it is longer than %d bytes", mostPEM)
	}
	return string(text), err
}

// certSource is what a path stands for: one file, or all files of a directory in the order of their names.
type certSource struct {
	path  string
	fixed bool // a variable has its text, nothing is read
	dir   bool
	files []*certFile
	err   error // why the directory cannot be used
}

// variableSource is a PEM text of the environment in the place of a file.
func variableSource(p CertPEM) *certSource {
	f := &certFile{path: p.Variable, text: p.Text}
	f.cert, f.err = readPEM([]byte(p.Text))
	return &certSource{path: p.Path, fixed: true, files: []*certFile{f}}
}

// look reads again what may have changed, and says whether anything did. A directory that cannot be read is taken to be as it was.
func (s *certSource) look(now time.Time) (changed bool) {
	if s.fixed {
		return false
	}
	was := s.err
	paths, err := s.list()
	if s.err = err; err == nil {
		changed = s.take(paths)
	}
	for _, f := range s.files {
		changed = f.look(now) || changed
	}
	return changed || (was == nil) != (s.err == nil)
}

// take keeps what is known of files that are still there.
func (s *certSource) take(paths []string) (changed bool) {
	var files []*certFile
	for _, path := range paths {
		i := slices.IndexFunc(s.files, func(f *certFile) bool { return f.path == path })
		if i >= 0 {
			files = append(files, s.files[i])
		} else {
			files = append(files, &certFile{path: path})
		}
	}
	changed = !slices.Equal(files, s.files)
	s.files = files
	return changed
}

// list finds the files. HAProxy passes over the names that end so, and over what is no file.
func (s *certSource) list() ([]string, error) {
	info, err := os.Stat(s.path)
	if err != nil && s.dir {
		return nil, err
	}
	if s.dir = err == nil && info.IsDir(); !s.dir {
		return []string{s.path}, nil // which says itself what is wrong with it
	}
	entries, err := os.ReadDir(s.path)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, e := range entries {
		path := filepath.Join(s.path, e.Name())
		info, err := os.Stat(path)
		reserved := slices.Contains([]string{".key", ".issuer", ".ocsp", ".sctl"}, filepath.Ext(path))
		if err == nil && info.Mode().IsRegular() && !reserved && !strings.HasPrefix(e.Name(), ".") {
			paths = append(paths, path)
		}
	}
	return paths, nil
}

// certs are the certificates to be served, in order.
func (s *certSource) certs() []*tls.Certificate {
	var all []*tls.Certificate
	for _, f := range s.files {
		if f.cert != nil {
			all = append(all, f.cert)
		}
	}
	return all
}

// why is what is wrong with a file in few words, and what to do about it.
func why(err error) (reason, remedy string) {
	var at *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "it does not exist", "put the certificate, its chain and its key there, in one PEM file, and mount it where the load balancer runs"
	case errors.Is(err, fs.ErrPermission):
		return "the load balancer may not read it", fmt.Sprintf("let user %d read it", os.Getuid())
	case errors.As(err, &at):
		return at.Err.Error(), "put the certificate, its chain and its key there, in one PEM file"
	}
	return err.Error(), "put the certificate, its chain and its key, not encrypted, into one PEM file"
}
