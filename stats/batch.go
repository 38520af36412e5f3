package stats

import (
	"bufio"
	"math"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

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
