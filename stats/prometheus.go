package stats

import (
	"bufio"
	"io"
	"math"
	"net/http"
	"strings"

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

// metricsQuery is what a scrape asks for.
type metricsQuery struct {
	process, proxies, noMaint bool
	kinds                     [server + 1]bool // with proxies
}

// parseMetricsQuery reads HAProxy's query: "scope=" names what to show and may be repeated, an empty one forgets those before it,
// and without any, everything is shown; "no-maint" leaves out servers in MAINT. ok is false for an unknown scope.
func parseMetricsQuery(query string) (q metricsQuery, ok bool) {
	all := metricsQuery{process: true, kinds: [...]bool{true, true, true}}
	q = all
	noMaint := false
	for _, pair := range strings.Split(query, "&") {
		key, scope, _ := strings.Cut(pair, "=")
		switch {
		case key == "no-maint":
			noMaint = true
			continue
		case key != "scope":
			continue
		case !q.proxies: // the first scope replaces "everything"
			q = metricsQuery{proxies: true}
		}
		switch scope {
		case "":
			if !strings.Contains(pair, "=") {
				return q, false
			}
			q = metricsQuery{proxies: true}
		case "global":
			q.process = true
		case "frontend":
			q.kinds[frontend] = true
		case "backend":
			q.kinds[backend] = true
		case "server":
			q.kinds[server] = true
		case "listener", "sticktable": // none here
		case "*":
			q.process, q.kinds = true, all.kinds
		default:
			return q, false
		}
	}
	q.noMaint = noMaint
	return q, true
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

// batch is the family being written. Its samples are used again for the next family.
type batch struct {
	out     *bufio.Writer
	family  dto.MetricFamily
	samples []*sample
	used    int
	err     error
}

type sample struct {
	metric  dto.Metric
	counter dto.Counter
	gauge   dto.Gauge
	value   float64
}

func (b *batch) begin(name, help string, typ dto.MetricType) {
	b.used, b.family.Metric = 0, b.family.Metric[:0]
	b.family.Name, b.family.Help, b.family.Type = &name, &help, &typ
}

func (b *batch) add(value float64, labels ...*dto.LabelPair) {
	if b.used == len(b.samples) {
		b.samples = append(b.samples, new(sample))
	}
	s := b.samples[b.used]
	b.used++
	s.value, s.metric.Label, s.metric.Counter, s.metric.Gauge = value, labels, nil, nil
	if *b.family.Type == dto.MetricType_COUNTER {
		s.counter.Value, s.metric.Counter = &s.value, &s.counter
	} else {
		s.gauge.Value, s.metric.Gauge = &s.value, &s.gauge
	}
	b.family.Metric = append(b.family.Metric, &s.metric)
}

// end writes the family, unless it has no series.
func (b *batch) end() {
	if b.err == nil && b.used > 0 {
		_, b.err = expfmt.MetricFamilyToText(b.out, &b.family)
	}
}

// float is a cell's value in /metrics: NaN where HAProxy knows none.
func (c cell) float() float64 {
	if c.form != number {
		return math.NaN()
	}
	return float64(c.n)
}
