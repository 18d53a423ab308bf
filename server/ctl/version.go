package ctl

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// release is the ZooKeeper release whose behaviour clients find here.
const release = "3.9.5-zookit"

// version is the release with the revision it was built from, when the build knows one.
func version() string {
	revision, modified := build("vcs.revision"), build("vcs.modified")
	if revision == "" {
		return release
	}
	v := release + "-" + revision[:min(len(revision), 12)]
	if modified == "true" {
		v += "-modified"
	}
	return v
}

// versionLine has the shape of Apache's `zkServer.sh version`.
func versionLine() string {
	line := "zkserver, version " + version()
	if when := build("vcs.time"); when != "" {
		line += ", built on " + strings.NewReplacer("T", " ", "Z", " UTC").Replace(when)
	}
	return fmt.Sprintf("%s, %s %s/%s", line, runtime.Version(), runtime.GOOS, runtime.GOARCH)
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
