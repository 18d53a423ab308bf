package admin

import (
	"fmt"
	"math"
	"os"
	"os/user"
	"runtime"
	"runtime/debug"
	"strings"
)

// systemName is the operating system's name as Java has it.
func systemName() string {
	switch runtime.GOOS {
	case "linux":
		return "Linux"
	case "darwin":
		return "Mac OS X"
	case "windows":
		return "Windows"
	}
	return runtime.GOOS
}

// environment prints envi: Apache's keys as far as they mean something without
// a Java machine, with Go's version in their place.
func environment(st Status) string {
	var b strings.Builder
	put := func(key, value string) { fmt.Fprintf(&b, "%s=%s\n", key, value) }
	b.WriteString("Environment:\n")
	put("zookeeper.version", built(st))
	host, _ := os.Hostname()
	put("host.name", host)
	put("go.version", runtime.Version())
	put("java.io.tmpdir", os.TempDir())
	put("os.name", systemName())
	put("os.arch", runtime.GOARCH)
	put("os.version", release())
	if u, err := user.Current(); err == nil {
		put("user.name", u.Username)
		put("user.home", u.HomeDir)
	}
	dir, _ := os.Getwd()
	put("user.dir", dir)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	put("os.memory.free", fmt.Sprintf("%dMB", (m.HeapIdle-m.HeapReleased)>>20))
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		put("os.memory.max", fmt.Sprintf("%dMB", limit>>20))
	}
	put("os.memory.total", fmt.Sprintf("%dMB", (m.Sys-m.HeapReleased)>>20))
	return b.String()
}
