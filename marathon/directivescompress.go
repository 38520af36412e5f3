package marathon

import (
	"errors"
	"fmt"
	"slices"

	"marathon-lb/internal/hacfg"
	"marathon-lb/internal/route"
)

// compressing is what templates say of compression. It takes several lines, in any order.
type compressing struct {
	route.Compression
	algo  bool       // there was a line that turns it on
	set   setting    // the last line without one
	line  hacfg.Line // of it
	wants bool       // there was such a line
}

func (r *reader) compressionAlgo(words []string) error {
	if r.s.mode == route.TCP {
		return errors.New("a service in mode tcp has no answers to compress")
	}
	for _, w := range words {
		if !slices.Contains([]string{"identity", "gzip", "deflate", "raw-deflate"}, w) {
			return fmt.Errorf("%q is no algorithm of HAProxy's", w)
		}
	}
	if !slices.Contains(words, "gzip") {
		return errors.New("only gzip is carried out")
	}
	r.compress.algo = true
	return nil
}

func (r *reader) compressionType(words []string) error {
	if len(words) == 0 {
		return errors.New("it names no type")
	}
	r.compress.Types = append(r.compress.Types, words...)
	r.compress.waits(r)
	return nil
}

func (r *reader) compressionOffload(words []string) error {
	if len(words) > 0 {
		return fmt.Errorf("%q is not carried out", words[0])
	}
	r.compress.Offload = true
	r.compress.waits(r)
	return nil
}

// waits notes a line that means nothing by itself.
func (c *compressing) waits(r *reader) { c.set, c.line, c.wants = r.set, r.line, true }

// settleCompression has the service compress if a line turned that on.
func (r *reader) settleCompression() {
	c := &r.compress
	switch {
	case c.algo:
		r.do.Compress = &c.Compression
	case c.wants && r.s.mode == route.HTTP:
		r.set, r.line, r.told = c.set, c.line, 0
		r.complain("nothing turns compression on", "add a line compression algo gzip")
	}
}
