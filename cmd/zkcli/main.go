// Command zkcli is a shell for ZooKeeper: one command, a script, or a prompt.
package main

import (
	"context"
	"os"
	"runtime/debug"

	"golang.org/x/term"

	"zookit/shell"
)

func main() {
	version, built := build()
	os.Exit(shell.Main(context.Background(), shell.Env{
		Program:        os.Args[0],
		Stdin:          os.Stdin,
		Stdout:         os.Stdout,
		Stderr:         os.Stderr,
		StdinTerminal:  term.IsTerminal(int(os.Stdin.Fd())),
		StdoutTerminal: term.IsTerminal(int(os.Stdout.Fd())),
		StderrTerminal: term.IsTerminal(int(os.Stderr.Fd())),
		Version:        version,
		Built:          built,
		StartEmbedded:  startEmbedded,
		OpenSource:     openSource,
	}, os.Args[1:]))
}

// build is what the toolchain wrote into the program.
func build() (version, built string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(devel)", ""
	}
	version = info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			built = s.Value
		}
	}
	return version, built
}
