package stats

import (
	"strings"

	dto "github.com/prometheus/client_model/go"

	"marathon-lb/internal/route"
)

const (
	counted = dto.MetricType_COUNTER
	gauged  = dto.MetricType_GAUGE
)

// family is a family of HAProxy's metrics about rows: haproxy_frontend_SUFFIX and so on, for each kind of row it is about.
type family struct {
	rows   kinds
	suffix string
	typ    dto.MetricType
	column *column // that has the value
	unit   float64 // of the column in the unit of the metric, 0 for 1
	help   string
	split  *split // into several series, instead of column
}

// split makes a series for each value of a label.
type split struct {
	label  string
	values []string
	value  func(r *row, i int) float64 // for values[i]
}

const ms = 1e-3

// families are in HAProxy's order (haproxy-stats.md 4.3).
var families = [...]family{
	{"BS", "current_queue", gauged, col("qcur"), 0, "Requests that wait in the queue now.", nil},
	{"BS", "max_queue", gauged, col("qmax"), 0, "Largest queue since the start.", nil},
	{"FBS", "current_sessions", gauged, col("scur"), 0, "Open connections (frontend), running requests (backend, server).", nil},
	{"FBS", "max_sessions", gauged, col("smax"), 0, "Largest number of current sessions since the start.", nil},
	{"FBS", "limit_sessions", gauged, col("slim"), 0, "Sessions the open files suffice for; NaN for a server.", nil},
	{"FBS", "sessions_total", counted, col("stot"), 0, "Connections (frontend), requests (backend), attempts (server).", nil},
	{"FBS", "bytes_in_total", counted, col("bin"), 0, "Request bytes, heads included.", nil},
	{"FBS", "bytes_out_total", counted, col("bout"), 0, "Response bytes, heads and error pages included.", nil},
	{"FB", "requests_denied_total", counted, col("dreq"), 0, "Requests refused by a rule.", nil},
	{"FBS", "responses_denied_total", counted, col("dresp"), 0, "Responses refused by a rule.", nil},
	{"F", "request_errors_total", counted, col("ereq"), 0, "Bad requests, and clients that left or stalled before a whole request.", nil},
	{"BS", "connection_errors_total", counted, col("econ"), 0, "Requests that finally got no connection to a server.", nil},
	{"BS", "response_errors_total", counted, col("eresp"), 0, "Responses that were bad, or broken off by the server.", nil},
	{"BS", "retry_warnings_total", counted, col("wretr"), 0, "Attempts to connect that were made again.", nil},
	{"BS", "redispatch_warnings_total", counted, col("wredis"), 0, "Requests that moved to another server.", nil},
	{"FB", "status", gauged, nil, 0, "1 for the present status, 0 for the other one.", &split{"state", serverStates[:2], hasState}},
	{"S", "status", gauged, nil, 0, "1 for the present status, 0 for the others; unchecked counts as UP, draining as MAINT.",
		&split{"state", serverStates, hasState}},
	{"BS", "weight", gauged, col("weight"), 0, "Weight of the server, or of all servers that take requests.", nil},
	{"B", "active_servers", gauged, col("act"), 0, "Servers that take requests.", nil},
	{"B", "backup_servers", gauged, col("bck"), 0, "Servers that take requests because nothing better is up.", nil},
	{"S", "check_failures_total", counted, col("chkfail"), 0, "Health checks that failed while the server was up.", nil},
	{"BS", "check_up_down_total", counted, col("chkdown"), 0, "Changes from UP to DOWN.", nil},
	{"BS", "check_last_change_seconds", gauged, col("lastchg"), 0, "Since the last change of status.", nil},
	{"BS", "downtime_seconds_total", counted, col("downtime"), 0, "Time in which no request could be taken.", nil},
	{"S", "queue_limit", gauged, col("qlimit"), 0, "Limit of the queue; NaN, for there is none.", nil},
	{"S", "current_throttle", gauged, col("throttle"), 0, "Share of the weight during a slow start; NaN outside one.", nil},
	{"BS", "loadbalanced_total", counted, col("lbtot"), 0, "Requests placed by the balancing algorithm, not by a cookie.", nil},
	{"F", "limit_session_rate", gauged, col("rate_lim"), 0, "Limit of new sessions a second, 0 for none.", nil},
	{"FBS", "max_session_rate", gauged, col("rate_max"), 0, "Most new sessions in a second since the start.", nil},
	{"C", "check_status", gauged, nil, 0, "1 for the result of the last probe, 0 for the others.", &split{"state", checkStates, hasCheckState}},
	{"C", "check_code", gauged, &column{rows: "C", value: checkCodeOrNone}, 0, "Status code that answered the last probe, 0 for none.", nil},
	{"C", "check_duration_seconds", gauged, col("check_duration"), ms, "Duration of the last probe; NaN before the first.", nil},
	{"fbs", "http_responses_total", counted, nil, 0, "Responses by class of their status code.",
		&split{"code", []string{"1xx", "2xx", "3xx", "4xx", "5xx", "other"}, responses}},
	{"f", "http_requests_rate_max", gauged, col("req_rate_max"), 0, "Most requests in a second since the start.", nil},
	{"fb", "http_requests_total", counted, col("req_tot"), 0, "HTTP requests.", nil},
	{"BS", "client_aborts_total", counted, col("cli_abrt"), 0, "Transfers broken off by the client.", nil},
	{"BS", "server_aborts_total", counted, col("srv_abrt"), 0, "Transfers broken off by the server.", nil},
	{"fb", "http_comp_bytes_in_total", counted, col("comp_in"), 0, "Bytes of compressed responses as servers sent them.", nil},
	{"fb", "http_comp_bytes_out_total", counted, col("comp_out"), 0, "Bytes of compressed responses as clients got them.", nil},
	{"fb", "http_comp_bytes_bypassed_total", counted, col("comp_byp"), 0, "Bytes left uncompressed for want of time: always 0.", nil},
	{"fb", "http_comp_responses_total", counted, col("comp_rsp"), 0, "Compressed responses.", nil},
	{"BS", "last_session_seconds", gauged, col("lastsess"), 0, "Since the last request, -1 before the first.", nil},
	{"BS", "queue_time_average_seconds", gauged, col("qtime"), ms, "Time in the queue, average of the last 1024 requests.", nil},
	{"BS", "connect_time_average_seconds", gauged, col("ctime"), ms, "Time to connect, average of the last 1024 requests.", nil},
	{"BS", "response_time_average_seconds", gauged, col("rtime"), ms, "Time to the head of a response, average of the last 1024.", nil},
	{"BS", "total_time_average_seconds", gauged, col("ttime"), ms, "Time of a whole session, average of the last 1024.", nil},
	{"F", "connections_rate_max", gauged, col("conn_rate_max"), 0, "Most new connections in a second since the start.", nil},
	{"F", "connections_total", counted, col("conn_tot"), 0, "Connections accepted.", nil},
	{"f", "intercepted_requests_total", counted, col("intercepted"), 0, "Requests answered by the load balancer itself.", nil},
	{"F", "denied_connections_total", counted, col("dcon"), 0, "Connections refused by a rule.", nil},
	{"F", "denied_sessions_total", counted, col("dses"), 0, "Sessions refused by a rule.", nil},
	{"FBS", "failed_header_rewriting_total", counted, col("wrew"), 0, "Header edits that could not be made.", nil},
	{"BS", "connection_attempts_total", counted, col("connect"), 0, "Connections opened to servers.", nil},
	{"BS", "connection_reuses_total", counted, col("reuse"), 0, "Requests that took a connection from the pool.", nil},
	{"fb", "http_cache_lookups_total", counted, col("cache_lookups"), 0, "Look-ups in a cache; nothing is cached.", nil},
	{"fb", "http_cache_hits_total", counted, col("cache_hits"), 0, "Hits in a cache; nothing is cached.", nil},
	{"S", "idle_connections_limit", gauged, col("src_ilim"), 0, "Limit of idle connections; NaN, for there is none.", nil},
	{"BS", "max_queue_time_seconds", gauged, col("qtime_max"), ms, "Longest time in the queue since the start.", nil},
	{"BS", "max_connect_time_seconds", gauged, col("ctime_max"), ms, "Longest time to connect since the start.", nil},
	{"BS", "max_response_time_seconds", gauged, col("rtime_max"), ms, "Longest time to the head of a response since the start.", nil},
	{"BS", "max_total_time_seconds", gauged, col("ttime_max"), ms, "Longest session since the start.", nil},
	{"FBS", "internal_errors_total", counted, col("eint"), 0, "Requests that failed through a fault of the load balancer.", nil},
	{"S", "used_connections_current", gauged, col("used_conn_cur"), 0, "Connections to the server that carry a request now.", nil},
	{"S", "need_connections_current", gauged, col("need_conn_est"), 0, "Most connections to the server that were needed at once.", nil},
	{"BS", "uweight", gauged, col("uweight"), 0, "Weight of the server, or of all servers that take requests, as configured.", nil},
	{"B", "agg_server_status", gauged, nil, 0, "Servers by status.", &split{"state", serverStates, serversIn}},
	{"B", "agg_server_check_status", gauged, nil, 0, "Servers by status; HAProxy keeps this old name of agg_server_status.",
		&split{"state", serverStates, serversIn}},
	{"B", "agg_check_status", gauged, nil, 0, "Servers by the result of their last probe.", &split{"state", checkStates, foundOf}},
}

// serverStates are HAProxy's words in its order. DRAIN and NOLB do not occur: a server that drains reads MAINT.
var serverStates = []string{"DOWN", "UP", "MAINT", "DRAIN", "NOLB"}

func hasState(r *row, i int) float64 {
	if r.state() == serverStates[i] {
		return 1
	}
	return 0
}

func serversIn(r *row, i int) float64 { return float64(r.states[serverStates[i]]) }

func responses(r *row, i int) float64 { return float64(r.counts[route.Resp1xx+route.Count(i)]) }

// about says whether there is such a family for a kind of row.
func (f *family) about(k kind) bool {
	return strings.ContainsAny(string(f.rows), [...]string{"Ff", "Bb", "SsC"}[k])
}

func (f *family) name(k kind) string {
	return "haproxy_" + [...]string{"frontend_", "backend_", "server_"}[k] + f.suffix
}

// write adds the family's series for r.
func (f *family) write(b *batch, r *row, labels []*dto.LabelPair) {
	if f.split == nil {
		v := f.column.cell(r).float()
		if f.unit != 0 {
			v *= f.unit
		}
		b.add(v, labels...)
		return
	}
	for i, v := range f.split.values {
		b.add(f.split.value(r, i), append(labels[:len(labels):len(labels)], label(f.split.label, v))...)
	}
}
