package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

var versionVerb = &verb{
	name: "version", short: "say which version this is, and what it was built from",
	examples: []example{{"wakechain version", "the module's version, the commit, Go's version and the system"}},
	setup: func(f *flags) {
		f.run = func(s *session, args []string) error {
			if len(args) > 0 {
				return usagef("no arguments")
			}
			info, ok := debug.ReadBuildInfo()
			if !ok {
				info = &debug.BuildInfo{}
			}
			fmt.Fprintln(s.out, versionOf(info))
			return nil
		}
	},
}

// versionOf describes the build.
func versionOf(info *debug.BuildInfo) string {
	version := info.Main.Version
	if version == "" {
		version = "(devel)"
	}
	line := "wakechain " + version
	set := map[string]string{}
	for _, s := range info.Settings {
		set[s.Key] = s.Value
	}
	if rev := set["vcs.revision"]; rev != "" {
		line += ", commit " + rev[:min(len(rev), 12)]
		if at := set["vcs.time"]; at != "" {
			line += " of " + at
		}
		if set["vcs.modified"] == "true" {
			line += ", modified"
		}
	}
	return fmt.Sprintf("%s, %s, %s/%s", line, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
