// Package arch has no code. Its test keeps what docs/architecture.md promises: the arrows between packages, the one home of each
// third-party module, the files that stay free of sockets, the folders at the top.
package arch
