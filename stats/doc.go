// Package stats looks: it serves the :9090 side, which is HAProxy's statistics page as HTML, CSV and JSON, Prometheus metrics,
// Marathon-LB's /_ endpoints, and what HAProxy could not tell (/ready, /v1/status, /v1/problems). It steers only through the
// functions of Source.
//
// Read in this order: source.go (where everything comes from), view.go (the table and its counters as rows), columns.go (the
// 103 columns that CSV, JSON, page and metrics take their values from), target.go (what a URL asks for), then one file for
// each form: csv.go, json.go, html.go (with pagerow.go, pagecells.go, pagetips.go), prometheus.go (with families.go, process.go),
// compat.go, api.go, explain.go; server.go puts them on a socket, and own.go counts what comes there.
package stats
