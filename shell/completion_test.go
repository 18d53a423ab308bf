//go:build unix

package shell

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zookit/server/zktest"
)

// configured is a configuration directory with the profile dev on addr.
func configured(t *testing.T, addr, more string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "zkcli"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "zkcli", "config.yaml"), "profiles:\n  dev:\n    servers: "+addr+"\n"+more)
	return dir
}

// The script for bash is run by bash itself, on a command line that somebody
// has typed so far.
func TestBashCompletion(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatalf("bash is needed to test its completion: %v", err)
	}
	addr := zktest.Start(t).Addr()
	if _, stderr, exit := run(t, "create /app x\ncreate '/app/a b' x\ncreate /app/config x\ncreate /apt x\n", "-server", addr); exit != 0 {
		t.Fatal(stderr)
	}
	home := configured(t, addr, "")
	script, _, exit := run(t, "", "completion", "bash")
	if exit != 0 {
		t.Fatal(exit)
	}
	for _, c := range []struct {
		line string
		want []string
	}{
		{"zkcli getA", []string{"getAcl", "getAllChildrenNumber"}},
		{"zkcli de", []string{"dev", "delete", "deleteall", "delquota"}},
		{"zkcli dev get /ap", []string{"/app", "/apt"}},
		{"zkcli -server " + addr + " get /app/c", []string{"/app/config"}},
		{"zkcli dev get /app/", []string{`/app/a\ b`, "/app/config"}},
		{"zkcli dev ls -", []string{"-R", "-o", "-s", "-w", "-y"}},
		{"zkcli -connect", []string{"-connect-timeout"}},
		{"zkcli -color ", []string{"auto", "always", "never"}},
		{"zkcli -profile ", []string{"dev"}},
		{"zkcli dev addauth d", []string{"digest"}},
		{"zkcli -server 127.0.0.1:1 get /a", nil},
	} {
		cmd := exec.Command(bash, "--norc", "-c", script+`
zkcli() { ZKCLI_TEST_MAIN=1 "$BIN" "$@"; }
COMP_LINE=$LINE COMP_POINT=${#LINE}
_zkcli zkcli
printf '%s\n' "${COMPREPLY[@]}"`)
		cmd.Env = append(os.Environ(), "BIN="+os.Args[0], "LINE="+c.line, "XDG_CONFIG_HOME="+home, "GORACE=atexit_sleep_ms=0", "ZKCLI_COMPAT=")
		out, err := cmd.CombinedOutput()
		got := strings.Fields(strings.ReplaceAll(string(out), `\ `, "\x00"))
		for i := range got {
			got[i] = strings.ReplaceAll(got[i], "\x00", `\ `)
		}
		if strings.HasSuffix(c.line, "-") { // others may be added
			got = slices.DeleteFunc(got, func(s string) bool { return !slices.Contains(c.want, s) })
			slices.Sort(got)
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, %v; want %q", c.line, got, err, c.want)
		}
	}
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	addr := zktest.Start(t).Addr()
	home := configured(t, addr, `    chroot: /app
    auth: [{scheme: digest, user: joe, password-env: ZK_PASSWORD}]
  frozen: {servers: `+addr+`, readonly: true}
  secret: {servers: `+addr+`, auth: [{scheme: digest, user: joe, password-env: NOT_SET}]}
default: frozen
`)
	zk := func(args ...string) (string, int) {
		cmd := zkcli(t, args...)
		cmd.Env = append(cmd.Env, "XDG_CONFIG_HOME="+home, "ZK_PASSWORD=geheim", "ZKCLI_JOURNAL="+filepath.Join(home, "journal"))
		cmd.Stdin = strings.NewReader("")
		out, _ := cmd.CombinedOutput()
		return string(out), cmd.ProcessState.ExitCode()
	}
	run(t, "create /app x\ncreate /other y\n", "-server", addr)
	for _, c := range []struct {
		args []string
		want string
		exit int
	}{
		{[]string{"dev", "ls", "/"}, "[]\n", 0},
		{[]string{"-profile", "dev", "whoami"}, "digest: joe\n", 0},
		{[]string{"dev", "-o", "jsonl", "getAllChildrenNumber", "/"}, `{"path":"/","count":0}` + "\n", 0},
		{[]string{"ls", "/"}, "[app, other, zookeeper]\n", 0}, // the default
		{[]string{"frozen", "create", "/x", "y"}, "create: this profile is readonly, so nothing was sent", 1},
		{[]string{"frozen", "mv", "/app", "/x"}, "mv: this profile is readonly, so nothing was sent", 1},
		{[]string{"frozen", "deleteall", "/app"}, "deleteall: this profile is readonly, so nothing was sent", 1},
		{[]string{"frozen", "undo"}, "undo: no change on " + addr + " is recorded", 1},
		{[]string{"frozen", "-c", "use dev; create /x 1; use frozen; get dev:/x; get /app/x"}, "Created /x\n1\n1\n", 0},
		{[]string{"secret", "ls", "/"}, "profile secret: auth: digest: the environment variable NOT_SET is not set", 2},
		{[]string{"nobody", "ls", "/"}, "Command not found: nobody", 127},
		{[]string{"-profile", "nobody", "ls", "/"}, `there is no profile "nobody" in ` + home, 2},
		{[]string{"-server", addr, "-q", "-y", "-c", "get /other; ls /app"}, "y\n[x]\n", 0},
	} {
		out, exit := zk(c.args...)
		if !strings.Contains(out, c.want) || exit != c.exit {
			t.Errorf("%q: %q, exit %d; want %q, exit %d", c.args, out, exit, c.want, c.exit)
		}
	}
	write(t, filepath.Join(home, "zkcli", "config.yaml"), "profiles: {p: {servers: h, x: 1}}")
	if out, exit := zk("ls", "/"); exit != 2 || !strings.Contains(out, `there is no setting "x"`) {
		t.Errorf("a bad configuration: %q, exit %d", out, exit)
	}
	if out, exit := zk("-server", addr, "get", "/other"); out != "y\n" || exit != 0 {
		t.Errorf("-server needs none: %q, exit %d", out, exit)
	}
}
