package differential_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
)

// The lists of what is asked verbatim are drawn from, too: here what we print of them is asked, and on all kinds of listeners.
func init() {
	elsewhere := func(text string) bool { // the lines of other templates, what the rows D-DIRECTIVE-8, D-DETAIL-57 and D-CONFIG-11 are about
		return strings.Contains(text, `""`) || strings.Contains(text, "ssl_fc_sni") || strings.HasPrefix(text, "dst ") || strings.Contains(text, "dst_port]") || strings.Contains(text, "dst_port,")
	}
	tests = append(tests, slices.DeleteFunc(slices.Clone(verbatimTests), elsewhere)...)
	answerTests = append(answerTests, verbatimAnswerTests...)
	for _, text := range slices.DeleteFunc(slices.Clone(verbatimTexts), elsewhere) {
		requestRules = append(requestRules, "http-request set-header X-D "+text)
	}
	for _, text := range slices.DeleteFunc(slices.Clone(verbatimAnswerTexts), elsewhere) {
		responseRules = append(responseRules, "http-response set-header X-D "+text)
	}
	for _, act := range verbatimActs {
		for line := range strings.SplitSeq(act, "\n") {
			switch {
			case strings.HasPrefix(line, "http-response"):
				responseRules = append(responseRules, line)
			case strings.Contains(line, "redirect") || strings.Contains(line, "deny") || strings.Contains(line, "allow") || strings.Contains(line, "tarpit"):
				endingRules = append(endingRules, line)
			default:
				requestRules = append(requestRules, line)
			}
		}
	}
	page, err := filepath.Abs("testdata/own.http")
	if err != nil {
		panic(err)
	}
	for _, status := range []int{401, 403, 404, 429, 500, 503} {
		harmlessLines = append(harmlessLines, fmt.Sprintf("errorfile %d %s", status, page))
	}
}

// tests are what conditions of templates ask.
var tests = []string{
	"src 127.0.5.5", "src 127.0.0.0/24 127.0.6.0/24", "src 10.0.0.0/8", "dst_port 1:65535", "dst_port lt 5", "ssl_fc", "ssl_fc 1",
	"path /", "path /a /foo/x", "path_beg -i /foo /A", "path_beg /a", "path_end c .b/c", "path_reg ^/[a-z]+$", "path_sub b", "path_dir b", "path_dom a", "path_len gt 3", "path,lower -m beg /foo",
	"hdr(X-It) one a", "hdr(X-It) -m found", "req.hdr(X-It) -i -m sub -- ONE", "hdr_cnt(X-It) gt 1", "req.hdr(X-It) -m len 3", "req.fhdr(X-It) -m beg t", "hdr(X-It,1) a", "hdr(X-It,-1) b",
	"hdr(Host) -i a.example", "hdr_dom(Host) -i example", "hdr_end(Host) -i .example", "hdr_beg(Host) x.", "hdr_reg(Host) -i ^[a-z]+[.]example", "hdr_val(Max-Forwards) 0", "hdr_ip(X-Forwarded-For) 1.2.3.0/24",
	"method POST", "method GET HEAD", "url_param(id) 1", "urlp(id) -m found", "urlp(a) b x", "query -m sub a=b", "url_beg /a", "url_reg ^/.*=", "pathq -m end =1", "base_beg a.example/", "cook(a) b", "cook_cnt(a) 1",
	"req.ver 1.0", "req.ver 2.0", "hdr(Content-Type) text/plain", "req.hdr(Authorization) -m found", "always_true", "hdr(Upgrade) -i websocket",
	"query -m found", "path -m found",
}

// predefined are conditions that HAProxy knows by name.
var predefined = []string{"LOCALHOST", "METH_POST", "METH_GET", "HTTP_1.0", "HTTP_1.1", "HTTP_2.0", "TRUE", "FALSE"}

// requestRules, lateRules and responseRules are lines without their conditions; the first rules refuse or end the others, which makes them rare.
var (
	endingRules = []string{
		"http-request deny", "http-request deny deny_status 404", "http-request deny deny_status 429", "http-request allow", "tcp-request content reject", "tcp-request content accept",
		"http-request redirect location /new", "http-request redirect location https://%[req.hdr(Host)]/x?%[query] code 307", "http-request redirect prefix https://other.example code 301",
		"http-request redirect scheme https code 308", "http-request redirect prefix /p drop-query", "http-request redirect prefix /p code 303 drop-query append-slash set-cookie seen=1",
		"http-request redirect location / clear-cookie a=", "redirect prefix http://o.example code 301", "redirect scheme https", "redirect location /100% code 303", "block", "reqdeny ^GET\\ /a", "reqideny ^X-It:\\ one",
		"reqtarpit ^POST\\ /", "reqitarpit ^x-it:\\ ONE", "reqideny ^get\\ /FOO", "reqdeny ^[^\\ ]*\\ /(a|b)\\ HTTP/1", "tcp-request connection reject", "tcp-request connection accept", "http-request reject", "http-request silent-drop",
	}
	requestRules = []string{
		"http-request set-header X-D a", "http-request set-header X-D \"a b %[path] %[query]\"", "http-request add-header X-D %[src]", "http-request add-header X-It two", "http-request del-header X-It",
		"http-request set-header X-It %[req.hdr(X-It)],z", "http-request set-header Host inner.example", "http-request set-header X-D %[req.hdr(Host),lower]-%[method]", "http-request set-header X-D %[urlp(id)]%[urlp(c),url_dec]",
		"http-request replace-header X-It ^(.)(.*)$ \\2\\1", "http-request replace-value X-It ^(.)$ <\\1>", "http-request replace-header Cookie a=([^;]*) b=\\1", "http-request set-header X-D %[path,regsub(/,-,g)]",
		"http-request set-path /set", "http-request set-path /p%[path]", "http-request set-path %[path,regsub(^/a,/z)]", "http-request set-path %[path,lower]", "http-request set-query q=%[query]", "http-request set-query \"\"",
		"http-request set-uri /u%[path]?u", "http-request set-pathq /pq?%[path]", "http-request replace-path ^/(.)(.*) /\\2\\1", "http-request replace-path /b/ /x/", "http-request replace-uri ^/foo/(.*) /\\1", "http-request replace-pathq (.*)\\?(.*) \\1?\\2&more",
		"http-request set-header X-D %[base]", "http-request set-header X-D %[req.cook(a)]", "http-request set-header X-D %[req.hdr_cnt(X-It)]", "http-request set-header X-D %[ssl_fc]%[dst_port,add(1)]", "http-request set-header X-Forwarded-Proto https", "http-request add-header X-Forwarded-Proto https",
		"http-request set-header X-Forwarded-For 9.9.9.9", "http-request set-header X-Real-IP %[src]", "http-request set-header X-Forwarded-Port 1", "http-request del-header Authorization", "http-request del-header Accept-Encoding",
		"reqadd X-D:\\ added", "reqdel ^X-It:.*", "reqidel ^x-it:.*", "reqrep ^([^\\ :]*)\\ /foo/(.*) \\1\\ /\\2", "reqrep ^GET\\ /a(.*) GET\\ /z\\1", "reqirep ^(.*)\\ /FOO\\ HTTP/1.1 \\1\\ /bar\\ HTTP/1.1", "reqrep ^Host:\\ (.*) Host:\\ \\1", "reqirep ^X-It:\\ (.*) X-It:\\ r\\1", "option forwardfor header X-Client",
		"http-request set-header X-D %[path,field(2,/)]", "http-request set-header X-D %[req.hdr(X-It,1),upper]", "http-request set-header X-D %[str(x),length]", "http-request set-header X-D %[path,url_dec]", "http-request set-header X-D %[req.hdr(Host),word(1,.)]",
	}
	responseRules = []string{
		"http-response set-header X-D a", "http-response add-header X-D \"%[src] b\"", "http-response del-header X-It", "http-response set-header X-D %[status]", "http-response set-header X-D %[res.hdr(X-It)]", "http-response replace-header Location ^http://(.*) https://\\1",
		"http-response replace-value Cache-Control max-age=(.*) max-age=1\\1", "http-response set-header Cache-Control no-store", "http-response del-header Set-Cookie", "rspadd X-D:\\ added", "rsprep ^Location:\\ (.*) Location:\\ \\1#r", "rspdel ^X-It:.*", "rspidel ^x-it:.*", "rspirep ^Location:\\ (.*) Location:\\ \\1/r",
		"http-response set-header Strict-Transport-Security max-age=5", "http-response add-header X-D %[res.hdr(X-It),upper]",
		"http-response set-header Content-Type text/plain", "http-response del-header Content-Type", "http-response set-header ETag \\\"v2\\\"", "http-response set-header ETag v2", "http-response del-header ETag",
		"http-response set-header Content-Encoding br", "http-response del-header Cache-Control", "http-response set-header Cache-Control no-transform", "http-response set-header Vary X-It",
	}
	answerTests   = []string{"status 404", "status ge 300", "res.hdr(X-It) -m found", "res.hdr(Location) -m beg http", "src 127.0.5.5", "ssl_fc", "res.hdr(Set-Cookie) -m found"}
	harmlessLines = []string{"timeout server 59s", "timeout connect 9s", "timeout tunnel 1h", "option redispatch", "option http-server-close", "option httpclose", "balance source", "balance first", "retries 2", "no option http-keep-alive",
		"stick on src", "stick on hdr(X-It)", "stick-table type ip size 1k\n  stick on url_param(id) table x", "balance uri whole", "balance url_param id", "balance hdr(X-It)", "balance leastconn", "hash-type consistent djb2", "option httplog", "log global", "fullconn 5", "option forceclose",
		"contimeout 5s", "srvtimeout 50s", "timeout server 0", "tcp-request inspect-delay 5s",
	}
	compressions    = []string{"compression algo gzip", "compression algo gzip\n  compression type text/ application/json", "compression type TEXT/plain\n  compression algo deflate gzip\n  compression offload"}
	serverTemplates = []string{"weight 5", "weight 0", "backup", "weight 256", "check inter 10s", ""}
)

// condition draws one, or none. The names are those of acls.
func condition(r *rand.Rand, braces string, tests []string, names []string) string {
	one := func() string {
		not := pick(r, "", "", "", "!", "! ", "!!")
		if n := r.IntN(4); n == 0 && len(names) > 0 {
			return not + names[r.IntN(len(names))]
		}
		open, shut := braces[:len(braces)/2], braces[len(braces)/2:]
		return not + open + " " + tests[r.IntN(len(tests))] + " " + shut
	}
	text := pick(r, "if ", "if ", "unless ") + one()
	switch r.IntN(8) {
	case 0, 1:
		return ""
	case 2:
		return text + " " + one()
	case 3:
		return text + pick(r, " or ", " || ", " OR ") + one()
	case 4:
		return text + " " + one() + " or " + one() + " || " + one() + " " + one()
	}
	return text
}

// template draws the lines of one, under acls of their own.
func template(r *rand.Rand, braces string) string {
	var b strings.Builder
	names := predefined
	for i := range r.IntN(3) {
		name := fmt.Sprintf("acl_%d", i)
		for range 1 + r.IntN(2) {
			fmt.Fprintf(&b, "  acl %s %s\n", name, tests[r.IntN(len(tests))])
		}
		names = append([]string{name, name}, names...)
	}
	for range 1 + r.IntN(5) {
		switch r.IntN(8) {
		case 0, 1:
			words, when := endingRules[r.IntN(len(endingRules))], condition(r, braces, tests, names)
			if strings.HasPrefix(words, "tcp-request") {
				when = condition(r, braces, []string{"src 127.0.5.5", "src 127.0.0.0/24 10.0.0.0/8", "dst_port 1:65535"}, nil)
			}
			fmt.Fprintf(&b, "  %s %s\n", words, when)
		case 2, 3:
			fmt.Fprintf(&b, "  %s %s\n", responseRules[r.IntN(len(responseRules))], condition(r, braces, answerTests, nil))
		case 4:
			fmt.Fprintf(&b, "  %s\n", harmlessLines[r.IntN(len(harmlessLines))])
		default:
			fmt.Fprintf(&b, "  %s %s\n", requestRules[r.IntN(len(requestRules))], condition(r, braces, tests, names))
		}
	}
	return b.String()
}

// templates draws those of a port.
func templates(r *rand.Rand, into map[string]string, port int) {
	set := func(name, text string) { into[fmt.Sprintf("HAPROXY_%d_%s", port, name)] = text }
	defer withoutAllow(into, port)
	if r.IntN(2) == 0 {
		set("BACKEND_HTTP_OPTIONS", template(r, "{}")+"  "+pick(r, "", compressions[r.IntN(len(compressions))])+"\n")
	}
	if r.IntN(6) == 0 {
		set("BACKEND_HEAD", "backend {backend}\n  balance {balance}\n  mode {mode}\n"+template(r, "{{}}"))
	}
	if r.IntN(6) == 0 {
		set("BACKEND_SERVER_OPTIONS", "  server {serverName} {host_ipv4}:{port} id {serverId}{cookieOptions}{healthCheckOptions}{otherOptions} "+serverTemplates[r.IntN(len(serverTemplates))]+"\n")
	}
	if r.IntN(10) == 0 {
		set("BACKEND_STICKY_OPTIONS", "  cookie "+pick(r, stickyNames...)+pick(r, " insert indirect nocache\n", " insert indirect nocache httponly secure\n", " insert\n"))
	}
	if r.IntN(10) == 0 {
		set("BACKEND_HSTS_OPTIONS", "  rspadd Strict-Transport-Security:\\ max-age=7\n")
	}
	if r.IntN(6) == 0 {
		set("HTTP_BACKEND_NETWORK_ALLOWED_ACL", "  acl network_allowed src {network_allowed}\n"+pick(r, "", "  acl network_allowed path_beg /open\n"))
	}
	if r.IntN(8) == 0 {
		set("FRONTEND_BACKEND_GLUE", "  use_backend {backend} "+condition(r, "{{}}", tests, predefined)+"\n")
	}
	if r.IntN(4) == 0 {
		frontTemplates(r, set)
	}
}

// stickyNames are those of cookies that keep clients at servers.
var stickyNames = []string{"mesosphere_server_id", "own_id"}

// frontTemplates draws those of the frontends that services share, whichever of them will be used.
func frontTemplates(r *rand.Rand, set func(name, text string)) {
	more := func() string {
		_, terms, _ := strings.Cut(condition(r, "{{}}", tests, predefined), " ")
		return terms
	}
	for _, path := range []string{"", "_WITH_PATH"} {
		acls, terms := "  acl host_{cleanedUpHostname} hdr(host) -i {hostname}\n", "host_{cleanedUpHostname} "
		if path != "" {
			acls, terms = acls+"  acl path_{backend} path_beg {path}\n", terms+"path_{backend} "
		}
		for _, auth := range []string{"", strings.Replace(path, "PATH", "PATH_AND_AUTH", 1), "_WITH_AUTH"} {
			set("HTTP_FRONTEND_ROUTING_ONLY"+cmp.Or(auth, path), "  use_backend {backend} if "+terms+more()+"\n")
		}
		set("HTTP_FRONTEND_ACL"+path, acls+"  use_backend {backend} if "+terms+more()+"\n")
		set("HTTP_FRONTEND_ACL_ONLY"+path, acls)
		set("HTTPS_FRONTEND_ACL"+path, acls+"  use_backend {backend} if "+terms+more()+"\n")
		auth := "_WITH_AUTH" + strings.Replace(path, "WITH", "AND", 1)
		set("HTTP_FRONTEND_ACL"+auth, acls+"  acl auth_{cleanedUpHostname} http_auth(user_{backend})\n  http-request auth realm \"{realm}\" if host_{cleanedUpHostname} !auth_{cleanedUpHostname}\n  use_backend {backend} if "+terms+more()+"\n")
		set("BACKEND_REDIRECT_HTTP_TO_HTTPS"+path, acls+"  redirect scheme https code 307 if !{{ ssl_fc }} "+terms+more()+"\n")
	}
}

// withoutAllow leaves out what D-CONFIG-10 is about.
func withoutAllow(labels map[string]string, port int) {
	if labels[fmt.Sprintf("HAPROXY_%d_HTTP_BACKEND_PROXYPASS_PATH", port)] == "" {
		return
	}
	for name, text := range labels {
		labels[name] = strings.ReplaceAll(text, "http-request allow", "http-request set-header X-D allowed")
	}
}
