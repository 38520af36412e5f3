// Package sys has the few system calls of Linux that the bench's generator and backend live on, as thin as they can be: a call
// there costs what the kernel costs. It also reads from /proc what a process has used.
//
// Calls go round Go's scheduler: a goroutine that waits here keeps its processor. So each of these programs is a process of one
// goroutine.
package sys
