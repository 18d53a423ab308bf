package main_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/server/zktest"
	"zookit/server/zktest/apache"
	"zookit/shell/session"
)

var update = flag.Bool("update", false, "rewrite the scripts' outcomes with what zkcli prints on Apache's server")

const (
	scriptDir    = "../../testdata/conformance"
	recordingDir = "../../testdata/conformance/recorded-3.8.0"
)

// apacheSettings are what Apache's server is given for the scripts; ourServer
// sets the same.
var apacheSettings = []string{"extendedTypesEnabled=true", "enforceQuota=true"}

func conformanceScripts(t testing.TB) []*script { return scriptsIn(t, scriptDir) }

func scriptsIn(t testing.TB, dir string) (all []*script) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scripts in %s: %v", dir, err)
	}
	for _, p := range paths {
		all = append(all, readScript(t, p))
	}
	return all
}

// TestConformanceCount: the scripts are many, and hold successes and errors.
func TestConformanceCount(t *testing.T) {
	t.Parallel()
	commands, failing := 0, 0
	for _, s := range conformanceScripts(t) {
		for _, e := range s.lines {
			if e.runs() {
				commands++
			}
			if e.want.exit != 0 {
				failing++
			}
		}
	}
	if commands < 300 || failing < 100 {
		t.Errorf("%d commands, %d of them failing", commands, failing)
	}
}

// TestConformanceOurs plays the scripts through zkcli on our server.
func TestConformanceOurs(t *testing.T) {
	t.Parallel()
	playScripts(t, shellPlayer{[]string{zkcli(t)}}, conformanceScripts(t), ourServer)
}

// TestConformanceCompatOurs plays them through zkcli -compat=3.8 on our server
// and compares with the recordings of Apache's shell on Apache's server.
func TestConformanceCompatOurs(t *testing.T) {
	t.Parallel()
	playScripts(t, shellPlayer{[]string{zkcli(t), "-compat=3.8"}}, scriptsIn(t, recordingDir), ourServer)
}

// TestConformanceApache plays the scripts through zkcli on Apache's server, or
// on the one that SERVER=host:port names.
func TestConformanceApache(t *testing.T) {
	given := os.Getenv("SERVER")
	if given == "" {
		apache.Need(t)
	}
	serve := apacheServer(t)
	scripts := conformanceScripts(t)
	playScripts(t, shellPlayer{[]string{zkcli(t)}}, scripts, serve)
	t.Run("testscripts", func(t *testing.T) { // which need nothing but the stock configuration
		addr := given
		if addr == "" {
			addr = apache.Start(t, apache.Options{Config: []string{"4lw.commands.whitelist=srvr"}}).Addr
		}
		playTestscripts(t, addr, stockServer(t))
	})
	if *update && !t.Failed() {
		t.Log("the scripts' outcomes were rewritten: read the diff")
	}
}

// TestConformanceJava plays the recorded scripts through Apache's shell on our
// server.
func TestConformanceJava(t *testing.T) {
	apache.Need(t)
	playScripts(t, pipedJava{}, scriptsIn(t, recordingDir), ourServer)
}

// playScripts plays each script on a server of its own and compares.
func playScripts(t *testing.T, p player, scripts []*script, serve func(testing.TB) string) {
	for _, s := range scripts {
		t.Run(s.name, func(t *testing.T) {
			outs := p.play(t, serve(t), s.lines)
			for i := range s.lines {
				e := &s.lines[i]
				if !e.runs() {
					continue
				}
				got := outs[0]
				outs = outs[1:]
				if got.exit == exitUnseen {
					got.exit = e.want.exit
				}
				if diff := differs(got, e.want); diff != "" && !*update {
					t.Errorf("$ %v\n%s", e, diff)
				} else if diff != "" {
					e.want = got
				}
			}
			if *update && t.Name() == "TestConformanceApache/"+s.name {
				s.write(t, filepath.Join(scriptDir, s.name+".txt"))
			}
		})
	}
}

// ourServer starts a fresh server in this process.
func ourServer(t testing.TB) string {
	t.Helper()
	cfg := zktest.Config()
	cfg.ExtendedTypes, cfg.EnforceQuota = true, true
	return zktest.StartConfig(t, cfg).Addr()
}

// apacheServer starts one Apache server for the whole test and returns what
// empties it for each script: starting one takes seconds.
func apacheServer(t testing.TB) func(testing.TB) string {
	t.Helper()
	addr := os.Getenv("SERVER")
	if addr == "" {
		addr = apache.Start(t, apache.Options{Config: apacheSettings}).Addr
	}
	return func(t testing.TB) string {
		t.Helper()
		emptyServer(t, addr)
		return addr
	}
}

// emptyServer deletes everything a script may have left: all but /zookeeper,
// and the quotas below it.
func emptyServer(t testing.TB, addr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	s, err := session.Dial(ctx, session.Options{Servers: addr})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(ctx)
	// What others left may be closed to us: this is the super user of the servers
	// that the tests start, and nobody in particular elsewhere.
	if err := s.AddAuth(ctx, "digest", []byte("super:"+apache.SuperPassword)); err != nil {
		t.Fatal(err)
	}
	var remove func(path string)
	remove = func(path string) {
		children, _, err := s.Children(ctx, path, false)
		if err != nil && !errors.Is(err, protocol.NoAuth) { // unreadable ones are left childless
			t.Fatalf("ls %s: %v", path, err)
		}
		for _, c := range children {
			child := strings.TrimSuffix(path, "/") + "/" + c
			if child == "/zookeeper" {
				continue
			}
			remove(child)
			if err := s.Delete(ctx, child, -1); err != nil {
				t.Fatalf("delete %s: %v", child, err)
			}
		}
	}
	remove("/zookeeper/quota")
	remove("/")
}
