package route_test

import (
	"testing"

	"marathon-lb/internal/route"
)

func TestWhatMayHoldASecretIsConfidential(t *testing.T) {
	for _, text := range []string{
		`http-request set-header Authorization "Basic Ym9iOnNlY3JldA=="`,
		`http-request add-header Proxy-Authorization x`,
		`http-request set-header X-Api-Key 0123`,
		`http-request set-header X-ApiKey 0123`,
		`http-request set-header "Ocp-Apim-Subscription-Key" 0123`,
		`http-request set-header X-Functions-Key 0123`,
		`http-request set-header X-Vault-Token s.0123`,
		`http-request set-header X-Token-Id 0123`,
		`http-request replace-header Cookie (.*) "\1; admin=1"`,
		`http-request set-header X-Forwarded-Access "Bearer eyJhbGciOi"`,
		`http-request set-header X-Forwarded-Access Bearer\ eyJhbGciOi`,
		`http-request deny unless { req.hdr(X-Api-Key) -m str 0123 }`,
		`acl known req.fhdr(x-shared-secret,1) -m str 0123`,
		`acl known url_param(api_key) -m str 0123`,
		`acl known req.cook(token) 0123`,
		`acl known req.hdr(Cookie) -m sub 0123`,
		`reqadd Cookie:\ 0123`,
		`option httpchk GET / HTTP/1.0\r\nCookie:\ 0123`,
		`reqidel ^Cookie:.*admin`,
		`reqidel ^X-Api-Key:`,
		`Cookie`,
		`reqadd X-Api-Key:\ 0123`,
		`option httpchk GET /health HTTP/1.0\r\nX-Api-Key:\ 0123`,
		`http-request set-path /x?access_key=0123`,
		`X-Secret`,
		`DB_PASSWORD=0123`,
		`userlist u` + "\n" + `  user bob insecure-password 0123`,
		`user bob password $5$saltsalt$0123`,
		`stats auth admin:0123`,
		`Restricted:bob:$6$saltsalt$0123`,
		`Restricted:bob:$2y$10$0123`,
	} {
		if !route.Confidential(text) {
			t.Errorf("%q is shown to all", text)
		}
	}
	for _, text := range []string{
		`http-request set-header X-Forwarded-Proto https`,
		`http-response add-header Set-Cookie "a=b; Path=/"`,
		`http-response replace-header Set-Cookie (.*) "\1; Secure"`,
		`http-response set-header Access-Control-Allow-Credentials true`,
		`http-response set-header Cache-Control "no-cache, private"`,
		`http-request set-header Sec-WebSocket-Key x`,
		`http-request redirect location / set-cookie a=b if { path /old }`,
		`acl is_token path_beg /oauth/token`,
		`acl login path_reg ^/(token|password)/`,
		`http-request deny if has_token !is_secret_area`,
		`http-request set-path /reset-password`,
		`http-request replace-path ^/a$ /b`,
		`http-request auth realm x`,
		`X-A`,
		`cookie SRV rewrite`,
		`server {serverName} {host_ipv4}:{port} cookie {cookieOptions}`,
		`rspirep ^Set-Cookie:\ (.*) Set-Cookie:\ \1`,
	} {
		if route.Confidential(text) {
			t.Errorf("%q is hidden", text)
		}
	}
}
