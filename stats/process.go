package stats

import (
	"maps"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// processMetric is a metric about the process as a whole: HAProxy's haproxy_process_*, or one of our own.
type processMetric struct {
	name   string
	typ    dto.MetricType
	help   string
	labels []string
	value  func(*reading) float64
	each   func(rd *reading, add addSample)              // instead of value: calls add for each series
	of     func(m *Marathon, rd *reading, add addSample) // instead of both: likewise, for one Marathon
}

// addSample adds a series by its value and those of the metric's labels.
type addSample func(n float64, values ...string)

func (m *processMetric) write(b *batch, rd *reading) {
	b.begin(m.name, m.help, m.typ)
	switch {
	case m.of != nil:
		for i := range rd.marathons {
			m.of(&rd.marathons[i], rd, m.adder(b, rd.marathons[i].Name))
		}
	case m.each != nil:
		m.each(rd, m.adder(b, ""))
	default:
		b.add(m.value(rd))
	}
	b.end()
}

// adder adds series of the metric; marathon is the name of the Marathon they are about, if it has one.
func (m *processMetric) adder(b *batch, marathon string) addSample {
	return func(n float64, values ...string) {
		var pairs []*dto.LabelPair
		for i, v := range values {
			pairs = append(pairs, label(m.labels[i], v))
		}
		if marathon != "" {
			pairs = append(pairs, label("marathon", marathon))
		}
		b.add(n, pairs...)
	}
}

func always(v float64) func(*reading) float64 { return func(*reading) float64 { return v } }

// ofMarathon is for metrics that each Marathon has one of.
func ofMarathon(f func(*Marathon) uint64) func(*Marathon, *reading, addSample) {
	return func(m *Marathon, _ *reading, add addSample) { add(float64(f(m))) }
}

// ofFrontends adds up a number over all frontends.
func ofFrontends(f func(*row) int64) func(*reading) float64 {
	return func(rd *reading) float64 { return float64(rd.sum(frontend, f)) }
}

func one(yes bool) uint64 {
	if yes {
		return 1
	}
	return 0
}

// processMetrics are HAProxy's in its order, as far as they mean something here, then our own. Totals over all proxies are left
// out: they would fall when an app goes, and sum() over the frontends' own counters gives them.
var processMetrics = [...]processMetric{
	{name: "haproxy_process_nbthread", typ: gauged, help: "Threads that run Go code at once.",
		value: func(*reading) float64 { return float64(runtime.GOMAXPROCS(0)) }},
	{name: "haproxy_process_nbproc", typ: gauged, help: "Processes: always 1.", value: always(1)},
	{name: "haproxy_process_relative_process_id", typ: gauged, help: "Number of this process: always 1.", value: always(1)},
	{name: "haproxy_process_uptime_seconds", typ: gauged, help: "Since the start of the process.",
		value: func(rd *reading) float64 { return math.Floor(rd.uptime().Seconds()) }},
	{name: "haproxy_process_pool_failures_total", typ: counted, help: "Failed allocations: always 0.", value: always(0)},
	{name: "haproxy_process_max_fds", typ: gauged, help: "Limit of open files.", value: nofile},
	{name: "haproxy_process_max_sockets", typ: gauged, help: "Limit of open sockets: that of open files.", value: nofile},
	{name: "haproxy_process_max_connections", typ: gauged, help: "Client connections there may be at a time.", value: maxConns},
	{name: "haproxy_process_hard_max_connections", typ: gauged, help: "As max_connections.", value: maxConns},
	{name: "haproxy_process_current_connections", typ: gauged, help: "Open client connections.",
		value: ofFrontends(func(r *row) int64 { return r.scur })},
	{name: "haproxy_process_max_pipes", typ: gauged, help: "Limit of pipes for splicing: none are used.", value: always(0)},
	{name: "haproxy_process_pipes_used_total", typ: counted, help: "Pipes in use: none are.", value: always(0)},
	{name: "haproxy_process_pipes_free_total", typ: counted, help: "Pipes kept ready: none are.", value: always(0)},
	{name: "haproxy_process_current_connection_rate", typ: gauged, help: "New client connections in the last second.",
		value: ofFrontends(func(r *row) int64 { return r.connRate })},
	{name: "haproxy_process_limit_connection_rate", typ: gauged, help: "Limit of connection_rate, 0 for none.", value: always(0)},
	{name: "haproxy_process_current_session_rate", typ: gauged, help: "New client sessions in the last second.",
		value: ofFrontends(func(r *row) int64 { return r.rate })},
	{name: "haproxy_process_limit_session_rate", typ: gauged, help: "Limit of session_rate, 0 for none.", value: always(0)},
	{name: "haproxy_process_limit_ssl_rate", typ: gauged, help: "Limit of TLS sessions a second, 0 for none.", value: always(0)},
	{name: "haproxy_process_http_comp_bytes_in_total", typ: counted, help: "Always 0: haproxy_frontend_http_comp_bytes_in_total has it.", value: always(0)},
	{name: "haproxy_process_http_comp_bytes_out_total", typ: counted, help: "Always 0: haproxy_frontend_http_comp_bytes_out_total has it.", value: always(0)},
	{name: "haproxy_process_limit_http_comp", typ: gauged, help: "Limit of compressed bytes a second, 0 for none.", value: always(0)},
	{name: "haproxy_process_current_tasks", typ: gauged, help: "Goroutines.", value: goMetric("/sched/goroutines:goroutines")},
	{name: "haproxy_process_current_run_queue", typ: gauged, help: "Goroutines that wait for a processor.",
		value: goMetric("/sched/goroutines/runnable:goroutines")},
	{name: "haproxy_process_idle_time_percent", typ: gauged, help: "Share of the processors this process leaves unused.",
		value: func(rd *reading) float64 { return float64(rd.idle) }},
	{name: "haproxy_process_jobs", typ: gauged, help: "Open client connections and listeners.",
		value: ofFrontends(func(r *row) int64 { return r.scur + int64(one(r.status != stopped)) })},
	{name: "haproxy_process_unstoppable_jobs", typ: gauged, help: "Jobs that cannot be stopped: none.", value: always(0)},
	{name: "haproxy_process_listeners", typ: gauged, help: "Open ports.",
		value: ofFrontends(func(r *row) int64 { return int64(one(r.status != stopped)) })},
	{name: "haproxy_process_active_peers", typ: gauged, help: "Peers: there are none.", value: always(0)},
	{name: "haproxy_process_connected_peers", typ: gauged, help: "Connected peers: there are none.", value: always(0)},
	{name: "haproxy_process_busy_polling_enabled", typ: gauged, help: "Busy polling: always off.", value: always(0)},
	{name: "haproxy_process_spliced_bytes_out_total", typ: counted, help: "Bytes spliced through pipes: none.", value: always(0)},
	{name: "haproxy_process_recv_logs_total", typ: counted, help: "Log messages received from others: none.", value: always(0)},
	{name: "haproxy_process_build_info", typ: gauged, help: "Always 1, with the version of marathon-lb.",
		labels: []string{"version"}, each: func(rd *reading, add addSample) { add(1, rd.version) }},
	{name: "haproxy_process_max_memory_bytes", typ: gauged, help: "Limit of memory (GOMEMLIMIT), 0 for none.", value: memoryLimit},
	{name: "haproxy_process_pool_allocated_bytes", typ: gauged, help: "Memory obtained from the system.",
		value: goMetric("/memory/classes/total:bytes")},
	{name: "haproxy_process_pool_used_bytes", typ: gauged, help: "Memory of objects on the heap.",
		value: goMetric("/memory/classes/heap/objects:bytes")},
	{name: "haproxy_process_start_time_seconds", typ: gauged, help: "Start of the process, in seconds of Unix time.",
		value: func(rd *reading) float64 { return float64(rd.started.Unix()) }},

	{name: "marathon_up", typ: gauged, help: "1 while Marathon can be followed.",
		of: ofMarathon(func(m *Marathon) uint64 { return one(m.Up) })},
	{name: "table_age_seconds", typ: gauged, help: "Since Marathon was last read in full; NaN before the first time.", of: tableAge},
	{name: "table_builds_total", typ: counted, help: "Routing tables built because Marathon changed.",
		of: ofMarathon(func(m *Marathon) uint64 { return m.Builds })},
	{name: "marathon_reconnects_total", typ: counted, help: "Event streams opened after the first.",
		of: ofMarathon(func(m *Marathon) uint64 { return m.Reconnects })},
	{name: "marathon_read_errors_total", typ: counted, help: "Reads of Marathon that came to nothing, by reason.",
		labels: []string{"reason"}, of: readErrors},
	{name: "sse_last_event_age_seconds", typ: gauged, help: "Since the last event of the stream; NaN before the first.", of: eventAge},
	{name: "sse_events_total", typ: counted, help: "Events read from Marathon's stream.",
		of: ofMarathon(func(m *Marathon) uint64 { return m.Events })},
	{name: "sse_bad_events_total", typ: counted, help: "Frames of the stream that were no event.",
		of: ofMarathon(func(m *Marathon) uint64 { return m.BadEvents })},
	{name: "eviction_guard_active", typ: gauged, help: "1 while a sudden collapse of the apps is held back until it is confirmed.",
		of: ofMarathon(func(m *Marathon) uint64 { return one(m.GuardActive) })},
	{name: "eviction_guard_total", typ: counted, help: "Collapses held back.",
		of: ofMarathon(func(m *Marathon) uint64 { return m.GuardTotal })},
	{name: "backend_panic", typ: gauged, help: "1 while probes fail at all servers of a backend, which are used because Marathon vouches for them.",
		labels: []string{"proxy"}, each: panics},
	{name: "problems", typ: gauged, help: "Things wrong in the input, such as bad labels; /v1/problems lists them.",
		value: func(rd *reading) float64 { return float64(len(rd.problems)) }},
	{name: "certificate_not_after_timestamp_seconds", typ: gauged, help: "Until when a certificate is valid, in seconds of Unix time.",
		labels: []string{"certificate", "hosts"}, each: validity},
}

func nofile(rd *reading) float64   { return float64(rd.nofile) }
func maxConns(rd *reading) float64 { return float64(rd.maxconn) }

func tableAge(m *Marathon, rd *reading, add addSample) {
	secs := math.NaN()
	if age, ok := m.age(rd.now); ok {
		secs = age.Seconds()
	}
	add(secs)
}

func eventAge(m *Marathon, rd *reading, add addSample) {
	secs := math.NaN()
	if !m.LastEvent.IsZero() {
		secs = max(rd.now.Sub(m.LastEvent).Seconds(), 0)
	}
	add(secs)
}

func validity(rd *reading, add addSample) {
	for _, c := range rd.certs {
		add(float64(c.NotAfter.Unix()), c.Source, strings.Join(c.Hosts, ","))
	}
}

func readErrors(m *Marathon, _ *reading, add addSample) {
	for _, reason := range slices.Sorted(maps.Keys(m.ReadErrors)) {
		add(float64(m.ReadErrors[reason]), reason)
	}
}

// panics is about backends that are checked: no other can panic.
func panics(rd *reading, add addSample) {
	for i := range rd.rows {
		if r := &rd.rows[i]; r.kind == backend && r.backend != nil && r.backend.Check != nil {
			add(float64(one(r.panics)), r.pxname)
		}
	}
}

func memoryLimit(*reading) float64 {
	if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 {
		return float64(limit)
	}
	return 0
}

func goMetric(name string) func(*reading) float64 {
	return func(*reading) float64 {
		s := []metrics.Sample{{Name: name}}
		metrics.Read(s)
		if s[0].Value.Kind() != metrics.KindUint64 {
			return math.NaN()
		}
		return float64(s[0].Value.Uint64())
	}
}
