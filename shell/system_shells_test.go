//go:build linux || darwin

package shell

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"zookit/server/zktest"
	"zookit/shell/repl/ptytest"
)

// The completion scripts are run by the shells they are for, at a terminal with
// a Tab. bash has to be there; zsh and fish are left out where they are not.
func TestCompletionInSystemShells(t *testing.T) {
	t.Parallel()
	addr := zktest.Start(t).Addr()
	if _, stderr, exit := run(t, "create /app x\ncreate '/app/a b' x\ncreate /app/config x\ncreate /app/k:v x\ncreate /apt x\n", "-server", addr); exit != 0 {
		t.Fatal(stderr)
	}
	home := configured(t, addr, "")
	bin := t.TempDir()
	program := fmt.Sprintf("#!/bin/sh\nZKCLI_TEST_MAIN=1 GORACE=atexit_sleep_ms=0 ZKCLI_COMPAT= exec '%s' \"$@\"\n", os.Args[0])
	if err := os.WriteFile(filepath.Join(bin, "zkcli"), []byte(program), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(home, "bashrc"), "PS1='$ '; . <(zkcli completion bash)\n")
	write(t, filepath.Join(home, ".zshrc"), "PS1='$ '; autoload -Uz compinit; compinit -u -D; . <(zkcli completion zsh)\n")
	for _, sh := range []struct {
		name string
		args []string
	}{
		{"bash", []string{"--noprofile", "--rcfile", filepath.Join(home, "bashrc"), "-i"}},
		{"zsh", []string{"-d", "-i"}},
		{"fish", []string{"--no-config", "--private", "-C", "function fish_prompt; echo '$ '; end; zkcli completion fish | source"}},
	} {
		t.Run(sh.name, func(t *testing.T) {
			t.Parallel()
			path, err := exec.LookPath(sh.name)
			if err != nil && sh.name == "bash" {
				t.Fatalf("bash is needed to test its completion: %v", err)
			}
			if err != nil {
				t.Skipf("LEFT OUT %s: %v", t.Name(), err)
			}
			cmd := exec.Command(path, sh.args...)
			cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "XDG_CONFIG_HOME="+home, "HOME="+home, "XDG_DATA_HOME="+home,
				"TERM=xterm", "HISTFILE=", "ZDOTDIR="+home)
			c := ptytest.Start(t, cmd, 120, 40)
			c.Ends("$")
			for _, step := range []struct{ keys, line string }{
				{"zkcli getAl", "zkcli getAllChildrenNumber"},
				{"zkcli dev get /app/co", "zkcli dev get /app/config"},
				{"zkcli lstq", "zkcli listquota"},
				{"zkcli dev get /app/k:", "zkcli dev get /app/k:v"},
				{"zkcli dev get /app/cfg", "zkcli dev get /app/config"},
				{"zkcli dev get /app/a", `zkcli dev get /app/a\ b`},
				{`zkcli dev get '/app/a `, `zkcli dev get '/app/a b`},
				{`zkcli dev set /app/a\ b 'two words' ; zkcli dev get /app/co`, "; zkcli dev get /app/config"},
				{"zkcli -connect", "zkcli -connect-timeout"},
				{"zkcli -color al", "zkcli -color always"},
				{"zkcli -profile d", "zkcli -profile dev"},
				{"zkcli -server " + addr + " ls -o jsonl /ap\t", "apt"},
			} {
				c.Send("\x0c" + step.keys + "\t")
				c.Await(step.line, func(screen, _ string) bool { return strings.Contains(strings.TrimRight(screen, " '"), step.line) })
				c.Send("\x15")
				c.Ends("$")
			}
			c.Send("exit\r")
		})
	}
}
