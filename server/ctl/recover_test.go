package ctl

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recover shows what is at stake and accepts it by its number alone; nothing is
// deleted. A server alone refuses to start before, and starts afterwards.
func TestRecover(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := writeConfig(t, dir, "zoo.cfg", fmt.Sprintf("dataDir=%s/data\nclientPort=0\nclientPortAddress=127.0.0.1\npreAllocSize=64\n", dir))
	recover := func(args ...string) (int, string, string) {
		return run(t.Context(), nil, Standalone, append([]string{"recover"}, append(args, cfg)...)...)
	}
	if code, stderr := startAndStop(t, cfg, createRoot(t, "/kept")); code != ExitOK {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	if code, out, _ := recover(); code != ExitOK || !strings.Contains(out, "Nothing is at stake: the history is whole, up to 0x3.") {
		t.Errorf("whole: exit code %d, %s", code, out)
	}
	log := filepath.Join(dir, "data/version-2/log.1")
	records, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	records[16+12] ^= 1
	if err := os.WriteFile(log, records, 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, _ := recover()
	for _, want := range []string{"DAMAGED, offset 16 to 77", "transactions 0x2 to 0x3, 2 of them", "At stake: the transactions 0x1 to at least 0x3.",
		"zkserver recover -accept-loss 0x1 " + cfg, "Restore the directory from a copy"} {
		if code != ExitDamage || !strings.Contains(out, want) {
			t.Errorf("damaged: exit code %d, no %q in\n%s", code, want, out)
		}
	}
	if code, _, stderr := recover("-accept-loss", "0x2"); code != ExitDamage || !strings.Contains(stderr, "cannot be accepted") {
		t.Errorf("another number: exit code %d, stderr %q", code, stderr)
	}
	for _, bad := range []string{"all", "-1", "0"} {
		if code, _, _ := recover("-accept-loss=" + bad); code != ExitInvocation {
			t.Errorf("-accept-loss=%s: exit code %d", bad, code)
		}
	}
	if code, _, _ := run(t.Context(), nil, Standalone, "-accept-loss", "0x1", cfg); code != ExitInvocation {
		t.Errorf("-accept-loss of another verb: exit code %d", code)
	}
	if code, out, stderr := recover("-accept-loss", "0x1"); code != ExitOK || !strings.Contains(out, "the history ends at 0x0 now") {
		t.Fatalf("accepted: exit code %d, %s%s", code, out, stderr)
	}
	kept, err := os.ReadFile(filepath.Join(dir, "data/version-2/damaged-0x1/log.1"))
	if err != nil || string(kept) != string(records) {
		t.Errorf("set aside: %d bytes, %v", len(kept), err)
	}
	if code, stderr := startAndStop(t, cfg, createRoot(t, "/kept")); code != ExitOK {
		t.Errorf("afterwards: exit code %d, stderr %q", code, stderr)
	}
}
