//go:build linux

package main

func (b *bench) page(string) error { return nil }
