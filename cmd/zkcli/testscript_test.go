package main_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"zookit/protocol"
	"zookit/server"
	"zookit/server/zktest"
	"zookit/shell/session"
)

// TestScripts plays the testscripts on our server; TestConformanceApache does
// on Apache's.
func TestScripts(t *testing.T) {
	t.Parallel()
	playTestscripts(t, stockServer(t), stockServer(t))
}

// stockServer answers srvr alone, as a server with an empty zoo.cfg does.
func stockServer(t *testing.T) string {
	return zktest.Start(t, server.WithFourLetterWords("srvr")).Addr()
}

// playTestscripts plays testdata/script/*.txtar, each below a znode of its own:
// $SERVER is the server with that chroot, and $OTHER another one.
func playTestscripts(t *testing.T, addr, other string) {
	dir := filepath.Dir(zkcli(t))
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			root := "/" + filepath.Base(e.WorkDir)
			ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
			defer cancel()
			for name, addr := range map[string]string{"SERVER": addr, "OTHER": other} {
				s, err := session.Dial(ctx, session.Options{Servers: addr})
				if err != nil {
					return err
				}
				defer s.Close(ctx)
				if _, _, err := s.Create(ctx, root, nil, protocol.OpenACL, protocol.FlagPersistent, 0); err != nil {
					return err
				}
				e.Setenv(name, addr+root)
			}
			e.Setenv("PATH", dir+string(filepath.ListSeparator)+e.Getenv("PATH"))
			e.Setenv("ZKCLI_JOURNAL", filepath.Join(e.WorkDir, ".journal")) // undo is of what this script did
			e.Setenv("TZ", "UTC")
			e.Setenv("NO_COLOR", "1")
			return nil
		},
	})
}
