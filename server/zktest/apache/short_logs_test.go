package apache

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestRemoveShortLogs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	version := filepath.Join(dir, "version-2")
	if err := os.Mkdir(version, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int{"log.1": 100, "log.9": logHeader, "log.a": logHeader - 1, "log.b": 0, "snapshot.0": 0, "currentEpoch": 1} {
		if err := os.WriteFile(filepath.Join(version, name), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	removed, err := RemoveShortLogs(dir)
	if slices.Sort(removed); err != nil || !slices.Equal(removed, []string{"log.a", "log.b"}) {
		t.Errorf("removed %v, %v", removed, err)
	}
	left, err := os.ReadDir(version)
	if err != nil || len(left) != 4 {
		t.Errorf("left %v, %v", left, err)
	}
}
