package server

import (
	"os"
	"runtime/debug"
	"time"
)

// builtAt is when the program was built, for the version line: the time of the
// revision it was built from, else the age of its file. The zero time says that
// neither is known.
func builtAt() time.Time {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key != "vcs.time" {
				continue
			}
			if t, err := time.Parse(time.RFC3339, s.Value); err == nil {
				return t
			}
		}
	}
	name, err := os.Executable()
	if err != nil {
		return time.Time{}
	}
	st, err := os.Stat(name)
	if err != nil {
		return time.Time{}
	}
	return st.ModTime()
}
