package stats

import (
	"bufio"
	"io"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"go.uber.org/zap"
)

// Metrics are written family by family as they are read, in HAProxy's order: a registry of client_golang would first hold and
// sort every series (a quarter of a million for 5,000 servers). Only the families of the Go runtime come from one.

func runtimeMetrics() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return reg
}

// metrics answers /metrics. As HAProxy's does, it takes any method and ignores a query it does not know, but not an unknown scope.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request) {
	q, ok := parseMetricsQuery(r.URL.RawQuery)
	if !ok {
		w.Header().Set("Connection", "close")
		sendPage(w, http.StatusBadRequest, page400)
		return
	}
	rd := s.read()
	s.linger.extend(rd.view)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	if r.Method == http.MethodHead {
		return
	}
	if err := s.writeMetrics(w, &rd, q); err != nil {
		s.log.Debug("metrics broken off", zap.Error(err))
	}
}

func (s *Server) writeMetrics(w io.Writer, rd *reading, q metricsQuery) error {
	out := bufio.NewWriterSize(w, 64<<10)
	b := &batch{out: out}
	if q.process {
		for i := range processMetrics {
			processMetrics[i].write(b, rd)
		}
	}
	for k := frontend; k <= server; k++ {
		if q.kinds[k] {
			writeFamilies(b, k, rd.rows, q.noMaint)
		}
	}
	if q.process && b.err == nil {
		mfs, err := s.runtime.Gather()
		for _, mf := range mfs {
			expfmt.MetricFamilyToText(out, mf)
		}
		b.err = err
	}
	if b.err != nil {
		return b.err
	}
	return out.Flush()
}

// writeFamilies writes every family of one kind of row.
func writeFamilies(b *batch, k kind, rows []row, noMaint bool) {
	type labelled struct {
		*row
		labels []*dto.LabelPair
	}
	var of []labelled
	for i := range rows {
		if r := &rows[i]; r.kind == k && !(noMaint && r.draining) {
			of = append(of, labelled{r, r.labels()})
		}
	}
	for i := range families {
		f := &families[i]
		if !f.about(k) {
			continue
		}
		b.begin(f.name(k), f.help, f.typ)
		for _, r := range of {
			if f.rows.have(r.row) {
				f.write(b, r.row, r.labels)
			}
		}
		b.end()
	}
}

func (r *row) labels() []*dto.LabelPair {
	l := []*dto.LabelPair{label("proxy", r.pxname)}
	if r.kind == server {
		l = append(l, label("server", r.svname))
	}
	return l
}

func label(name, value string) *dto.LabelPair { return &dto.LabelPair{Name: &name, Value: &value} }
