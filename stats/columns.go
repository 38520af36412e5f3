package stats

import (
	"time"

	"marathon-lb/internal/route"
)

// column is one column of HAProxy's CSV.
type column struct {
	name  string
	rows  kinds // that have a value here; none for what does not exist here: agents, tracking, what only "show-legends" shows
	tags  tags
	value func(*row) cell
}

// tags say in the JSON what a value is: where it comes from, how it behaves, and its type.
type tags struct{ origin, nature, typ string }

var (
	asName      = tags{"Key", "Name", "str"}
	asKey       = tags{"Key", "Gauge", "u32"}
	asStatus    = tags{"Status", "Gauge", "str"}
	asLevel     = tags{"Metric", "Gauge", "u32"}
	asPeak      = tags{"Metric", "Max", "u32"}
	asRate      = tags{"Metric", "Rate", "u32"}
	asAverage   = tags{"Metric", "Avg", "u32"}
	asTotal     = tags{"Metric", "Counter", "u64"}
	asSeconds   = tags{"Metric", "Counter", "u32"}
	asAge       = tags{"Metric", "Age", "u32"}
	asOutput    = tags{"Metric", "Output", "str"}
	asCode      = tags{"Metric", "Output", "u32"}
	asTook      = tags{"Metric", "Duration", "u64"}
	asLimit     = tags{"Config", "Limit", "u32"}
	asSetting   = tags{"Config", "Gauge", "u32"}
	asWord      = tags{"Config", "Gauge", "str"}
	asSignedAge = tags{"Metric", "Age", "s32"}
	asRole      = tags{"Status", "Gauge", "u32"}
)

// cell is one value of a row. The zero cell is an empty one: the column says nothing about the row.
type cell struct {
	form form
	n    int64
	s    string
}

type form uint8

const (
	empty form = iota
	number
	text
)

func num(n int64) cell  { return cell{form: number, n: n} }
func str(s string) cell { return cell{form: text, s: s} }
func zero(*row) cell    { return num(0) }

func secs(d time.Duration) cell { return num(int64(max(d, 0) / time.Second)) }

func counter(c route.Count) func(*row) cell {
	return func(r *row) cell { return num(int64(r.counts[c])) }
}

func of(f func(*row) int64) func(*row) cell {
	return func(r *row) cell { return num(f(r)) }
}

// columns are the 103 static columns of HAProxy 2.6 in their order (with the name at 89 as HAProxy has it). CSV, JSON, the page
// and /metrics take their values from here.
var columns = [...]column{
	{"pxname", "FBS", asName, func(r *row) cell { return str(r.pxname) }},
	{"svname", "FBS", asName, func(r *row) cell { return str(r.svname) }},
	{"qcur", "BS", asLevel, of(func(r *row) int64 { return r.qcur })},
	{"qmax", "BS", asPeak, of(func(r *row) int64 { return r.qmax })},
	{"scur", "FBS", asLevel, of(func(r *row) int64 { return r.scur })},
	{"smax", "FBS", asPeak, of(func(r *row) int64 { return r.smax })},
	{"slim", "FBS", asLimit, sessionLimit},
	{"stot", "FBS", asTotal, counter(route.Sessions)},
	{"bin", "FBS", asTotal, counter(route.BytesIn)},
	{"bout", "FBS", asTotal, counter(route.BytesOut)},
	{"dreq", "FB", asTotal, counter(route.DeniedReq)},
	{"dresp", "FBS", asTotal, counter(route.DeniedResp)},
	{"ereq", "F", asTotal, counter(route.ErrReq)},
	{"econ", "BS", asTotal, counter(route.ErrConn)},
	{"eresp", "BS", asTotal, counter(route.ErrResp)},
	{"wretr", "BS", asTotal, counter(route.Retries)},
	{"wredis", "BS", asTotal, counter(route.Redispatches)},
	{"status", "FBS", asStatus, func(r *row) cell { return str(r.status) }},
	{"weight", "BS", asAverage, of(weight)},
	{"act", "BS", asRole, of(active)},
	{"bck", "BS", asRole, of(backups)},
	{"chkfail", "S", asTotal, ifChecked(counter(route.CheckFails))},
	{"chkdown", "BS", asTotal, ifChecked(counter(route.CheckDowns))},
	{"lastchg", "BS", asAge, func(r *row) cell { return secs(r.lastchg) }},
	{"downtime", "BS", asSeconds, ifChecked(downtime)},
	{"qlimit", "S", asLimit, never},
	{"pid", "FBS", asKey, func(*row) cell { return num(1) }}, // the process number, not the operating system's
	{"iid", "FBS", asKey, of(func(r *row) int64 { return int64(r.iid) })},
	{"sid", "FBS", asKey, of(func(r *row) int64 { return int64(r.sid) })},
	{"throttle", "S", asAverage, throttle},
	{"lbtot", "BS", asTotal, counter(route.LoadBalanced)},
	{"tracked", "", asWord, nil},
	{"type", "FBS", asSetting, of(func(r *row) int64 { return int64(r.kind) })},
	{"rate", "FBS", asRate, of(func(r *row) int64 { return r.rate })},
	{"rate_lim", "F", asLimit, zero},
	{"rate_max", "FBS", asPeak, of(func(r *row) int64 { return r.rateMax })},
	{"check_status", "C", asOutput, checkStatus},
	{"check_code", "C", asCode, checkCode},
	{"check_duration", "C", asTook, checkDuration},
	{"hrsp_1xx", "fbs", asTotal, counter(route.Resp1xx)},
	{"hrsp_2xx", "fbs", asTotal, counter(route.Resp2xx)},
	{"hrsp_3xx", "fbs", asTotal, counter(route.Resp3xx)},
	{"hrsp_4xx", "fbs", asTotal, counter(route.Resp4xx)},
	{"hrsp_5xx", "fbs", asTotal, counter(route.Resp5xx)},
	{"hrsp_other", "fbs", asTotal, counter(route.RespOther)},
	{"hanafail", "", asTotal, nil},
	{"req_rate", "F", asRate, of(func(r *row) int64 { return r.reqRate })},
	{"req_rate_max", "F", asPeak, of(func(r *row) int64 { return r.reqRateMax })},
	{"req_tot", "Fbs", asTotal, counter(route.Requests)},
	{"cli_abrt", "BS", asTotal, counter(route.ClientAborts)},
	{"srv_abrt", "BS", asTotal, counter(route.ServerAborts)},
	{"comp_in", "FB", asTotal, counter(route.CompressedIn)},
	{"comp_out", "FB", asTotal, counter(route.CompressedOut)},
	{"comp_byp", "FB", asTotal, zero}, // what HAProxy has no time to compress
	{"comp_rsp", "FB", asTotal, counter(route.Compressed)},
	{"lastsess", "BS", asSignedAge, lastSession},
	{"last_chk", "C", asOutput, lastCheck},
	{"last_agt", "", asOutput, nil},
	{"qtime", "BS", asAverage, of(func(r *row) int64 { return r.qtime[0] })},
	{"ctime", "BS", asAverage, of(func(r *row) int64 { return r.ctime[0] })},
	{"rtime", "BS", asAverage, of(func(r *row) int64 { return r.rtime[0] })},
	{"ttime", "BS", asAverage, of(func(r *row) int64 { return r.ttime[0] })},
	{"agent_status", "", asOutput, nil},
	{"agent_code", "", asOutput, nil},
	{"agent_duration", "", asSeconds, nil},
	{"check_desc", "C", asOutput, checkDesc},
	{"agent_desc", "", asOutput, nil},
	{"check_rise", "C", asSetting, checkRise},
	{"check_fall", "C", asSetting, checkFall},
	{"check_health", "C", asSetting, checkHealth},
	{"agent_rise", "", asSetting, nil},
	{"agent_fall", "", asSetting, nil},
	{"agent_health", "", asSetting, nil},
	{"addr", "", asWord, nil},
	{"cookie", "", asWord, nil},
	{"mode", "FBS", asWord, func(r *row) cell { return str(string(r.mode)) }},
	{"algo", "", asWord, nil},
	{"conn_rate", "F", asRate, of(func(r *row) int64 { return r.connRate })},
	{"conn_rate_max", "F", asPeak, of(func(r *row) int64 { return r.connRateMax })},
	{"conn_tot", "F", asTotal, counter(route.Connections)},
	{"intercepted", "f", asTotal, counter(route.Intercepted)},
	{"dcon", "F", asTotal, counter(route.DeniedConn)},
	{"dses", "F", asTotal, counter(route.DeniedSess)},
	{"wrew", "FBS", asTotal, counter(route.RewriteErrors)},
	{"connect", "BS", asTotal, counter(route.Connects)},
	{"reuse", "BS", asTotal, counter(route.Reuses)},
	{"cache_lookups", "fb", asTotal, zero}, // nothing is cached here
	{"cache_hits", "fb", asTotal, zero},
	{"srv_icur", "", asLevel, nil},
	{"src_ilim", "S", asLimit, never},
	{"qtime_max", "BS", asPeak, of(func(r *row) int64 { return r.qtime[1] })},
	{"ctime_max", "BS", asPeak, of(func(r *row) int64 { return r.ctime[1] })},
	{"rtime_max", "BS", asPeak, of(func(r *row) int64 { return r.rtime[1] })},
	{"ttime_max", "BS", asPeak, of(func(r *row) int64 { return r.ttime[1] })},
	{"eint", "FBS", asTotal, counter(route.InternalErrors)},
	{"idle_conn_cur", "", asLevel, nil},
	{"safe_conn_cur", "", asLevel, nil},
	{"used_conn_cur", "S", asLevel, of(func(r *row) int64 { return r.scur })},
	{"need_conn_est", "S", asLevel, of(func(r *row) int64 { return r.smax })},
	{"uweight", "BS", asAverage, of(weight)},
	{"agg_server_status", "B", asLevel, zero}, // these three are placeholders in HAProxy's CSV too; /metrics has the counts
	{"agg_server_check_status", "B", asLevel, zero},
	{"agg_check_status", "B", asLevel, zero},
}

// col finds a column by its name. It panics if there is none: names are constants of this package.
func col(name string) *column {
	for i := range columns {
		if columns[i].name == name {
			return &columns[i]
		}
	}
	panic("stats: no column " + name)
}

// kinds are the kinds of row that a column or a family of metrics is about: F frontend, B backend, S server, C a server that is
// probed; a small f, b or s means only in http mode.
type kinds string

// have says whether r is among the kinds.
func (k kinds) have(r *row) bool {
	for i := range len(k) {
		switch k[i] {
		case "FBS"[r.kind]:
			return true
		case "fbs"[r.kind]:
			return r.mode == route.HTTP
		}
		if k[i] == 'C' && r.probed() {
			return true
		}
	}
	return false
}

// cell is the column's value for r.
func (c *column) cell(r *row) cell {
	if !c.rows.have(r) {
		return cell{}
	}
	return c.value(r)
}
