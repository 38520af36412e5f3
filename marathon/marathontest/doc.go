// Package marathontest is a Marathon with agents and tasks: to clients of Marathon what net/http/httptest is to those of HTTP.
// It serves tests and the demo.
//
// A Server speaks Marathon 1.9's REST API and event stream, keeps definitions, carries out deployments, probes health, and runs
// tasks: real servers on this machine, each on a port of its own, that start, serve, get SIGTERM and die as told.
//
// How long news takes is measured with Options.OnEvent, whose events carry the instant they were published, and with FirstRequest
// and LastRequest of the task concerned.
//
// It is the present dialect only (1.8 and later), one leader, and without the parts a load balancer never sees: resources, volumes,
// dependencies. Agents are IPv4; containers get addresses 127.1.x.y, which only Linux has.
//
// # Switches
//
// Everything that can go wrong is a method of Server or Task, and a POST to /sim/ for experiments by hand:
//
//	/sim/sse?freeze=true&noheartbeat=true&slow=100&drop=0.1&duplicate=0.1&delay=50ms&attachgap=1s&standbyclose=true
//	                              StreamFaults; what is not named is off
//	/sim/sse/close, /sim/sse/reset, /sim/sse/truncate
//	/sim/sse/malformed?kind=      badjson twoobjects noevent unknown nulls lfonly comment idretry huge
//	/sim/api?path=/v2/apps&rate=0.5&times=3&for=5s&latency=1s&hang=true&status=503&html200=true&truncate=true&emptyapps=true
//	                              adds an APIFault
//	/sim/api/clear                ends them all
//	/sim/api/stale?on=true        answers from the state of that moment
//	/sim/down?for=30s             Marathon listens to nobody for a while; its tasks go on
//	/sim/health/forget            results of health checks are lost, as after a change of leader
//	/sim/ports/reuse?on=true      new tasks get the ports of those that ended
//	/sim/behaviour?app=/x&tcp=true&slowstart=2s&linger=5s&abrupt=true&ignoresigterm=true&unready=true
//	                              Behaviour; what is not named is off
//	/sim/tasks/{id}/crash, /sim/tasks/{id}/sicken, /sim/tasks/{id}/heal, /sim/tasks/{id}/ready
//
// GET /sim/tasks tells the state, the addresses and the number of requests of each task.
package marathontest
