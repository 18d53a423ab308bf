package ctl

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"zookit/server/admin"
)

// version is the release with the revision it was built from, when the build knows one.
func version() string {
	revision, modified := build("vcs.revision"), build("vcs.modified")
	if revision == "" {
		return admin.Version
	}
	v := admin.Version + "-" + revision[:min(len(revision), 12)]
	if modified == "true" {
		v += "-modified"
	}
	return v
}

// versionLine has the shape of Apache's `zkServer.sh version`.
func versionLine() string {
	line := "zkserver, version " + version()
	if when, ok := buildTime(); ok {
		line += ", built on " + when.UTC().Format("2006-01-02 15:04 MST")
	}
	return fmt.Sprintf("%s, %s %s/%s", line, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// buildTime is the time of the revision the program was built from.
func buildTime() (time.Time, bool) {
	when, err := time.Parse(time.RFC3339, build("vcs.time"))
	return when, err == nil
}

func build(key string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}
