package admin

import (
	"os"
	"strings"
)

// release is the version of the operating system's kernel.
func release() string {
	b, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(b))
}
