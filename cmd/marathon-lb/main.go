// Command marathon-lb is a load balancer for Marathon. Its verbs are files of this folder: run.go is sse and poll, check.go lints app
// definitions, explain.go says where a request goes and why, zdd.go deploys, demo.go shows it at work without a cluster, version.go says what it is.
package main

import "os"

func main() {
	os.Exit(command{args: os.Args[1:], environ: os.Environ(), in: os.Stdin, out: os.Stdout, err: os.Stderr}.run())
}
