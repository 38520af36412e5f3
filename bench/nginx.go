//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"marathon-lb/bench/internal/sys"
)

// nginxConfig has placeholders in capitals.
const nginxConfig = `worker_processes 1; daemon off; error_log DIR/nginx.err warn; pid DIR/nginx.pid; USER
events { worker_connections 16000; use epoll; multi_accept on; }
http {
  access_log off; keepalive_requests 100000000; keepalive_timeout 75s; tcp_nodelay on; sendfile on;
  client_body_temp_path DIR/t1; proxy_temp_path DIR/t2; fastcgi_temp_path DIR/t3; uwsgi_temp_path DIR/t4; scgi_temp_path DIR/t5;
  upstream servers { SERVERS keepalive 256; keepalive_requests 100000000; }
  server {
    listen LISTEN backlog=4096;
    proxy_http_version 1.1; proxy_max_temp_file_size 0;
    location / {
      proxy_pass http://servers; proxy_set_header Connection ""; proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Port $server_port;
    }
    location /ws {
      proxy_pass http://servers; proxy_set_header Connection upgrade; proxy_set_header Upgrade $http_upgrade; proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Port $server_port;
    }
  }
}
`

// nginx starts an nginx. Its packages are built without TCP mode, or have it as a module; it is left out.
func (b *bench) nginx(ctx context.Context) (*contender, error) {
	c := &contender{name: nginxName, short: "nginx", http: b.port()}
	var servers strings.Builder
	for _, a := range b.httpServers {
		fmt.Fprintf(&servers, "server %v; ", a)
	}
	user := "" // its workers must be able to write the temporary files
	if os.Getuid() == 0 {
		user = "user root;"
	}
	text := strings.NewReplacer("DIR", b.dir, "USER", user, "SERVERS", servers.String(), "LISTEN", c.http.String()).Replace(nginxConfig)
	file := filepath.Join(b.dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	var err error
	if c.child, err = b.spawn(b.tools["nginx"], "-p", b.dir, "-c", file); err != nil {
		return nil, err
	}
	if err := c.serves(ctx); err != nil {
		return nil, err
	}
	if c.pids = sys.Children(c.child.cmd.Process.Pid); len(c.pids) == 0 {
		return nil, errors.New("nginx has no worker")
	}
	return c, nil
}
