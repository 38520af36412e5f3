# Each target is one line. What a change has to pass is .ci/run.
# Runs of each fuzz target. A count: with a time, go test now and then reports its end as a failure, until Go 1.27 (golang/go#75804).
FUZZTIME = 50000x

# A failure before a pipe is one.
SHELL = /bin/bash
.SHELLFLAGS = -o pipefail -c

.PHONY: build test race lint fuzz soak differential rolling kills sticky tunnels late life bench profile demo docs

# One static program in bin/.
build:
	CGO_ENABLED=0 go build -trimpath -o bin/marathon-lb ./cmd/marathon-lb

test:
	go test ./...

race:
	go test -race ./...

lint:
	test -z "$$(gofmt -l . | tee /dev/stderr)" && go vet ./... && go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

# Every fuzz target in turn, each run FUZZTIME. What finds something new is made smaller in a few steps only: it would take a minute for each.
fuzz:
	go test -list '^Fuzz' ./... | awk '/^Fuzz/ {f[n++] = $$1} /^ok/ {while (n > 0) print f[--n], $$2}' | while read -r f p; do go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "$$p" || exit 1; done

# For SOAK, with each engine: clients and servers that do all they should not, and no answer reaches the wrong client. Then what abuse costs: attacks,
# too much load, and ten million requests; first the comparison with HAProxy, about 45 minutes in all.
SOAK = 10m
soak: differential
	go test -count 1 -timeout 0 -v -run '^Test(NoAnswerReaches|SocketsMay|EveryRuleOf|ServersLearn|WhoReads|ManySlow|ALongUpload|WhoWasLetIn|ChildWith)' ./proxy -chaos $(SOAK) | grep -v '^ *--- PASS: .*/\|^=== '
	go test -count 1 -timeout 0 -v -run '^Test(WhoBehaves|NearItsMemory|.*TooMuchIsAsked|ManyRequests|Thousands|ASecondLoop)' ./cmd/marathon-lb -goals | grep -v '^=== '

# Random apps and requests, served here and by HAProxy with what --dry prints: SETS sets of apps, from SEED on. What may differ is in docs/differences.md.
SETS = 500
SEED = 1
differential:
	go test -count 1 -timeout 0 ./internal/differential -seed $(SEED) -sets $(SETS)

# The goals of never losing a request, at full length and with each engine; go test ./cmd/marathon-lb runs them short.
GOALS = go test -count 1 -timeout 0 -v ./cmd/marathon-lb -goals -run

# 50 rolling deploys under a million GETs and 100,000 POSTs: of fast tasks, of slow ones, without TASK_KILLING, without a warning. 30 minutes.
rolling:
	$(GOALS) '^TestRolling'

# A task of four dies without a warning, 30 times in a minute.
kills:
	$(GOALS) '^TestTasksThatDie'

# Clients with a cookie, while their app is scaled and deployed. Three minutes.
sticky:
	$(GOALS) '^TestClientsWithACookie'

# 2,000 WebSockets and TCP connections through 50 changes, and downloads of 30 s through a deploy. Four minutes.
tunnels:
	$(GOALS) '^Test(Tunnels|SlowDownloads)'

# Tasks that refuse connections for up to 12 s, and how soon they have requests then. A minute.
late:
	$(GOALS) '^TestATaskThatListensLate'

# The process's own life, with each engine: 20 times SIGTERM with slow downloads, 20 upgrades under 500,000 requests, 20 crashes. It takes
# half an hour on a small machine.
life:
	go test -count 1 -timeout 0 -v -run '^Test(NoRequestIsLost(WhenTheProcess|InAn)|ARestartAfterACrash)' ./cmd/marathon-lb -goals | grep -v '"level"'

# Side by side with HAProxy and nginx, in 5 minutes; writes docs/benchmarks.md. What is not installed is left out, aloud.
bench:
	go run ./bench

# What the compiler is told of where time goes: make profile, when the loop has changed much. It takes two minutes, on a quiet machine.
profile:
	go run ./bench -only keepalive,close,64k,tcp,websocket -engines loop -time 90s -profile $(CURDIR)/cmd/marathon-lb/default.pgo

demo:
	go run ./cmd/marathon-lb demo

# Tables and pages that are made from comments and rows.
docs:
	go generate ./...
