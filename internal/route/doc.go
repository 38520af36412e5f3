// Package route is what all of marathon-lb shares: what should be served (Spec), the immutable table requests are matched
// against (Table), the servers that live on while tables come and go (Server), and what was wrong with the input (Problem,
// Verdict).
//
// marathon makes Changes, Build turns them into the next Table, proxy serves it and stats shows it. Nothing here opens a
// socket, and nothing here reads Marathon's JSON.
//
// Read in this order: spec.go (the wish), server.go, check.go and stats.go (what lives), table.go and build.go (the table),
// match.go, grade.go, pick.go and warm.go, with canary.go (the two questions a request asks), explain.go (what they answer, and why;
// trace.go and standing.go are how they tell, explaintext.go says it to people).
package route
