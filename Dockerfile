FROM golang:1.26 AS build
RUN apt-get update && apt-get install -y --no-install-recommends libcap2-bin && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN make build && setcap cap_net_bind_service=+ep bin/marathon-lb

FROM scratch
# For https:// endpoints of Marathon, where --marathon-ca-cert names no others.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /src/bin/marathon-lb /marathon-lb
# An ordinary user. It may still bind ports below 1024, such as :80, for one of two reasons:
# - the file has the capability cap_net_bind_service (setcap above). BuildKit keeps it in COPY; the old builder of "docker build"
#   may not. The container must not be run with --cap-drop NET_BIND_SERVICE (the program would not start), and with
#   --security-opt no-new-privileges the capability has no effect;
# - or the kernel lets everyone: sysctl net.ipv4.ip_unprivileged_port_start=80 on the host. Docker sets it to 0 inside containers
#   that have a network of their own, but not with --network host, which is how DC/OS runs load balancers.
USER 65532:65532
EXPOSE 80 443 9090 9091
# There is no HEALTHCHECK, for there is no shell or curl here: Marathon checks /_haproxy_health_check on :9090.
# SIGTERM drains; give it time with "docker stop -t", or Marathon's taskKillGracePeriodSeconds (docs/operating.md).
ENTRYPOINT ["/marathon-lb"]
CMD ["sse", "--health-check", "--group", "external"]
