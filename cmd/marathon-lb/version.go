package main

import (
	"cmp"
	"runtime/debug"
)

// release is the version in the making, as CHANGELOG.md names it.
const release = "0.1.0-dev"

// version says what this program is: its release, the commit it was built from if the build knew, and the compiler.
func version() string { return "marathon-lb " + release + build() }

func build() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	set := map[string]string{}
	for _, s := range info.Settings {
		set[s.Key] = s.Value
	}
	commit := cmp.Or(set["vcs.revision"], "unknown")
	if set["vcs.modified"] == "true" {
		commit += " and changes"
	}
	return " (commit " + commit + ", " + info.GoVersion + ")"
}
