package differential_test

// verbatimTests are tests of acls, as templates have them.
var verbatimTests = []string{
	// fetches, each at least once
	"always_true", "always_false", "bool(true)", "bool(false)", "bool(1)", "int(5) gt 3", "str(x) x", "\"str(a b)\" 'a b'", "dst 127.0.0.0/24", "dst_port 1:", "dst_port :5", "src_port 1:65535", "src_port gt 1023",
	"ssl_fc", "ssl_fc 0", "ssl_fc 1", "ssl_fc_sni -m found", "req.proto_http", "req_proto_http", "req.ver 1.0", "req_ver 1.1", "req.ver 1.0 1.1",
	"src 127.0.5.5", "src 127.0.0.0/255.255.255.0 ::1", "src 127.0.5.0/24 127.0.6.0/24", "src ::ffff:127.0.5.5", "src -m str 127.0.5.5", "src -m beg 127.0.5", "src -m found", "src -m len 9", "src -m reg [.]6$", "src 127.0.0.1/8", "src 0.0.0.0/0",
	"method GET", "method get", "method PURGE", "method -i purge", "method GET HEAD", "method -m beg P", "method -m str POST", "method -m reg ^P", "method -m found", "capture.req.method POST", "method -m len 3",
	"path /", "path /a /foo/x", "path -i /A", "path_beg -i /foo /A", "path_beg /a", "path_end c .b/c", "path_end -i C", "path_reg ^/[a-z]+$", "path_reg -i ^/[a-z]+$", "path_sub b", "path_sub -i B +", "path_dir b", "path_dir /a/", "path_dir a/b", "path_dir -i A", "path_dom a", "path_dom b.c c", "path_len gt 3", "path_len 1 4", "path_len 2:5 9:",
	"path,lower -m beg /foo", "path -m found", "path -m sub ' '", "path_reg \\.", "path_reg '[.]b'", "path_beg \"/a\"", "path -m str -- /a", "path -m int 5", "path -m reg -i FOO", "path -i -m reg FOO",
	"pathq -m end =1", "url_beg /a", "url_reg ^/.*=", "url_end =1", "url_sub id", "url_dir a", "url_dom b", "url_len lt 5", "url /a", "capture.req.uri -m sub ?", "query -m found", "query -m sub a=b", "query id=1", "query -m len 4", "query -m reg ^id",
	"base_beg a.example/", "base_end /b", "base_sub .example/a", "base_dom example", "base_reg -i ^A", "base_len gt 12", "base a.example/a", "base_dir a",
	"url_param(id) 1", "urlp(id) -m found", "urlp(a) b x", "urlp(id) -m int 1:3", "urlp_beg(id) a", "urlp_reg(id) [0-9]", "urlp_sub(id) + %", "urlp_len(id) 0", "urlp_dir(id) q.r", "urlp_dom(id) q", "urlp_end(id) c", "urlp(ID) 1", "urlp(id) -m ip 127.0.0.0/8", "urlp(a) -m ip 127.0.0.0/8", "urlp(id) -m found 0",
	// fields
	"hdr(X-It) one a", "hdr(X-It) -m found", "req.hdr(X-It) -i -m sub -- ONE", "hdr_cnt(X-It) gt 1", "hdr_cnt(X-It) 0", "req.hdr_cnt(X-It) ge 2 le 3", "req.hdr(X-It) -m len 3", "req.fhdr(X-It) -m beg t", "req.fhdr(X-It) -m sub ,", "req.fhdr(X-It,1) -m found", "req.fhdr(X-It,-1) a", "hdr(X-It,1) a", "hdr(X-It,-1) b", "hdr(X-It,2) -m found", "hdr(X-It,-2) -m found", "hdr(X-It,9) -m found", "hdr(X-It,0) a",
	"hdr_beg(X-It) o /a", "hdr_end(X-It) e", "hdr_sub(X-It) / ' '", "hdr_dir(X-It) b", "hdr_dir(X-It) /a/b/", "hdr_dom(X-It) a b.c", "hdr_dom(X-It) -i ONE", "hdr_reg(X-It) ^.$", "hdr_reg(X-It) -i ^o", "hdr_reg(X-It) \\\\s", "hdr_reg(X-It) ^$", "hdr_reg(X-It) \\d", "hdr_len(X-It) 0", "hdr_len(X-It) gt 4", "hdr(x-it) one", "hdr(X-It) -- \"\"", "hdr(X-It) one \"\" a",
	"hdr_val(X-Number) 5", "hdr(X-Number) -m int 05", "hdr(X-Number) -m int -- -5", "hdr(X-Number),length 1", "hdr_val(X-Number) lt 0", "hdr_val(X-Number) gt 6", "hdr_val(X-Number) -- -5", "hdr_val(X-Number) le -5", "hdr_val(X-Number) gt 6:9", "hdr_val(X-Number) 6-9", "hdr_val(X-Number) 6-", "hdr_val(X-Number) lt 0 gt 8", "hdr_val(X-Number,1) ge 5", "hdr_val(X-Number) -m found", "req.hdr_val(X-Number) 1", "hdr_ip(X-It) 127.0.0.0/8", "hdr_ip(X-It,1) 127.0.0.1", "hdr_ip(X-It,-1) 10.0.0.0/8", "hdr_ip(X-It) ::1", "req.hdr_ip(X-It) -m found", "hdr_ip(X-Forwarded-For) 1.2.3.0/24", "hdr_ip(X-Forwarded-For,-1) 5.6.7.8",
	"hdr(X-It) -m int 5", "hdr(X-It) -m int lt 0", "hdr(X-It) -m ip 127.0.0.0/8", "hdr(X-It) -m ip ::1", "hdr(X-It) -m dir b", "hdr(X-It) -m dom b", "hdr(X-It) -m end e", "hdr(X-It) -m reg ^[a-z]$", "hdr(X-It) -m bool", "hdr(X-It),lower one", "hdr(X-It),length 3", "hdr(X-It),length gt 3", "hdr(X-It),field(1,/) a", "hdr(X-It) it\\'s", "hdr(X-It) \"it's\"", "hdr(X-It) 'back\\slash'", "hdr(X-It) back\\\\slash", "hdr(X-It) -- -5", "hdr(X-It) 100%", "hdr(X-It) \\#x", "hdr(X-It) '$HOME'", "hdr(X-It) -m str caf\\xe9", "hdr(X-It) -i -m str \\xc3\\xa9t\\xc3\\xa9", "hdr(X-It) -m sub '\"'", "hdr(X-It) -m sub \\\"", "hdr(X-It) 'x y  z'", "hdr(X-It) x\\ y\\ \\ z", "hdr(X-It) -n 5", "hdr(X-Two) -m found",
	"hdr(Host) -i a.example", "hdr_dom(Host) -i example", "hdr_dom(host) w.example", "hdr_end(Host) -i .example", "hdr_beg(Host) x.", "hdr_reg(Host) -i ^[a-z]+[.]example", "req.hdr(host),lower,field(1,:) a.example", "hdr(host) -i a.example:80 example",
	"cook(a) b", "cook(a) -m found", "req.cook(a) b one", "cook(A) b", "cook_beg(a) t /p", "cook_end(a) o", "cook_sub(a) =", "cook_reg(a) ^[0-9]$", "cook_dir(a) q.r", "cook_dom(a) q", "cook_len(a) 0 1", "cook(a) -m int ge 2", "cook(c) -m found", "cook($Version) 1", "cook(a) -i ONE", "path,field(9,/) -m found", "path,field(2,/) -m found", "path,word(9,/) -m found", "path,word(1,/) -m found", "urlp(id),url_dec -m found", "hdr(X-It) -m int 0", "hdr_val(X-Number) 0", "path,length gt 3", "path,length,length 1", "cook_reg(a) -i ^O",
}

// verbatimConditions combine tests; many and odd-:._x are acls, of two lines and one.
var verbatimConditions = []string{
	"if many", "if !many", "unless many", "if many or { method POST }", "if many || { method POST }", "if many OR { method POST } or { path / }", "if many { method GET }", "unless many { method GET }", "unless many or { path_end x }", "if ! many", "if !!many", "if !{ path_beg /a } { method GET } or !{ method GET } { path_beg /a }",
	"unless !many !{ path_end b }", "if odd-:._x", "if METH_GET", "if METH_POST or HTTP_1.0", "if !HTTP_1.1", "if LOCALHOST", "if TRUE", "if FALSE", "if METH_HEAD !many", "if HTTP", "if METH_OPTIONS || METH_PUT", "unless METH_GET !many",
	"if { hdr(X-It) one } { hdr(X-It) a }", "if { hdr(X-It) -m reg '^a b$' } or { path -m sub \"b\" }", "if { src 127.0.0.0/24 } { path_beg /a -i /foo }", "if { path_beg -- -i /foo }", "if { hdr(X-It) 'if' }", "if METH_CONNECT or METH_DELETE", "if METH_TRACE || HTTP_2.0",
}

// verbatimTexts are what fields are set to.
var verbatimTexts = []string{
	`a`, `"a b"`, `'a b'`, `a\ b`, `a\tb`, `"a\"b"`, `'a"b'`, `a'b c'd`, `100%%`, `'$HOME'`, `"\$HOME"`, `a\#b # comment`, `\x41\x20b`, `"it's"`, `it\'s`, `'back\slash'`, `back\\slash`, `"\x25\x25"`, `a\1b`, `'{ x }'`, `a,b`, `"%[path] x"`, `%[path]-%[query]`, `'%[req.hdr(X-It)]'`, `[%[path]]`, `é`,
	`<%[src]>`, `<%[dst_port]>`, `<%[method]>`, `<%[capture.req.method]>`, `<%[capture.req.uri]>`, `<%[path]>`, `<%[pathq]>`, `<%[url]>`, `<%[query]>`, `<%[base]>`, `<%[ssl_fc]>`, `<%[req.ver]>`, `<%[req_ver]>`, `<%[req.proto_http]>`, `<%[always_true]%[always_false]>`, `<%[bool(true)]>`, `<%[bool(false)]>`, `<%[int(05)]>`, `<%[int(-5)]>`, `<%[str(a)]>`, `"<%[str(a b)]>"`,
	`<%[req.hdr(X-It)]>`, `<%[hdr(X-It,1)]>`, `<%[hdr(X-It,-1)]>`, `<%[hdr(X-It,-2)]>`, `<%[hdr(X-It,3)]>`, `<%[hdr(X-It,0)]>`, `<%[req.fhdr(X-It)]>`, `<%[req.fhdr(X-It,1)]>`, `<%[req.fhdr(X-It,-2)]>`, `<%[hdr_cnt(X-It)]>`, `<%[hdr_val(X-Number)]>`, `<%[hdr_val(X-Number,1)]>`, `<%[hdr_ip(X-It)]>`, `<%[hdr_ip(X-It,1)]>`, `<%[hdr_ip(X-Forwarded-For)]>`, `<%[req.cook(a)]>`, `<%[cook(c)]>`, `<%[urlp(id)]>`, `<%[url_param(a)]>`, `<%[hdr(host)]>`,
	`<%[req.hdr(X-It),lower]>`, `<%[req.hdr(X-It),upper]>`, `<%[req.hdr(X-It),length]>`, `<%[req.hdr(X-It),base64]>`, `<%[path,url_dec]>`, `<%[query,url_dec]>`, `<%[urlp(id),url_dec]>`, `<%[urlp(id),url_dec(1)]>`, `<%[pathq,url_dec]>`, `<%[src,length]>`, `<%[src,upper]>`, `<%[dst_port,length]>`, `<%[str(x),length]>`,
	`<%[path,field(2,/)]>`, `<%[path,field(-1,/)]>`, `<%[path,field(1,/)]>`, `<%[path,field(9,/)]>`, `<%[path,field(-9,/)]>`, `<%[path,field(2,/.)]>`, `<%[path,field(2,/,2)]>`, `<%[path,field(2,/,0)]>`, `<%[path,field(-1,/,2)]>`, `<%[path,word(1,/)]>`, `<%[path,word(-1,/)]>`, `<%[path,word(2,/)]>`, `<%[path,word(9,/)]>`, `<%[path,word(-2,/.)]>`, `<%[path,word(1,/,2)]>`, `<%[path,word(1,/,0)]>`, `<%[path,word(-1,/,2)]>`, `<%[req.hdr(X-It),word(1,'\,')]>`, `<%[req.hdr(Host),word(1,.)]>`, `<%[req.hdr(Host),field(1,:),lower]>`, `"<%[req.hdr(X-It),word(2,' ')]>"`,
	`<%[path,regsub(/,-,g)]>`, `<%[path,regsub(/,-)]>`, `<%[path,regsub(A,z,i)]>`, `<%[path,regsub(A,z,gi)]>`, `<%[path,regsub(^/,)]>`, `<%[path,regsub([a-z],,g)]>`, `'<%[path,regsub("(.)b","\1x",g)]>'`, `"<%[path,regsub('^/(.)(.*)','/\\\\2\\\\1')]>"`, `<%[path,regsub(^,x,g)]>`, `'<%[path,regsub("[(]|[)]|b",_)]>'`, `<%[req.hdr(X-It),regsub(e,E),lower,upper]>`,
}

// verbatimAnswerTexts and verbatimAnswerTests are the same of responses.
var verbatimAnswerTexts = []string{
	`<%[status]>`, `<%[res.hdr(X-It)]>`, `<%[shdr(X-It,1)]>`, `<%[res.hdr(X-It,-2)]>`, `<%[res.fhdr(X-It)]>`, `<%[res.fhdr(X-It,-1)]>`, `<%[res.hdr_cnt(X-It)]>`, `<%[shdr_cnt(X-It)]>`, `<%[res.hdr(X-It),upper,length]>`, `<%[src]:%[dst_port]>`, `<%[ssl_fc]>`, `<%[capture.req.method]>`, `<%[capture.req.uri]>`,
}

var verbatimAnswerTests = []string{
	"status 200", "status 200:299", "status 200-299", "status ge 400", "status lt 300 gt 499", "status -m str 404", "res.hdr(X-It) one", "shdr(X-It) -m found", "res.fhdr(X-It) -m sub ,", "shdr_cnt(X-It) gt 1", "res.hdr_cnt(X-It) 0", "shdr_beg(X-It) o", "shdr_end(X-It) e", "shdr_sub(X-It) .", "shdr_dir(X-It) b", "shdr_dom(X-It) b", "shdr_reg(X-It) ^.$", "shdr_len(X-It) 0", "res.hdr(X-It,-1) -i ONE", "res.hdr(X-It),lower one", "method POST", "capture.req.uri -m beg /a", "src 127.0.5.5", "always_true",
}
