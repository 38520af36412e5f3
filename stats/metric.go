package stats

import dto "github.com/prometheus/client_model/go"

// Metric describes one family of /metrics; docs/metrics.md is made from them.
type Metric struct {
	Name, Type, Help string
	Labels           []string
}

// Metrics are all families of /metrics in their order, but for those of the Go runtime and the process (client_golang's).
func Metrics() []Metric {
	var all []Metric
	word := map[dto.MetricType]string{counted: "counter", gauged: "gauge"}
	for _, m := range processMetrics {
		all = append(all, Metric{Name: m.name, Type: word[m.typ], Help: m.help, Labels: m.labels})
	}
	for k := frontend; k <= server; k++ {
		for _, f := range families {
			if !f.about(k) {
				continue
			}
			d := Metric{Name: f.name(k), Type: word[f.typ], Help: f.help, Labels: []string{"proxy"}}
			if k == server {
				d.Labels = append(d.Labels, "server")
			}
			if f.split != nil {
				d.Labels = append(d.Labels, f.split.label)
			}
			all = append(all, d)
		}
	}
	return all
}
