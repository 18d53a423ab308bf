package offline_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	stored "zookit/server/offline"
	"zookit/shell"
	"zookit/shell/command"
	"zookit/shell/export"
	"zookit/shell/offline"
)

// run is zkcli with what reads servers' data joined to it.
func run(t *testing.T, stdin string, args ...string) (stdout, stderr string, exit int) {
	t.Helper()
	var out, errs bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	exit = shell.Main(ctx, shell.Env{
		Program: "zkcli", Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &errs,
		Getenv: func(string) string { return "" }, Location: time.UTC, Version: "test",
		OpenSource: func(_ context.Context, name string) (command.Session, error) {
			open := func(name string) (offline.Data, error) { return stored.Open(name) }
			return offline.Open(name, open, func(note string) { errs.WriteString(note + "\n") })
		},
	}, args)
	if ctx.Err() != nil {
		t.Errorf("zkcli %q did not end by itself", args)
	}
	return out.String(), errs.String(), exit
}

// expect runs one command and compares everything it did.
func expect(t *testing.T, args []string, stdout, stderr string, exit int) {
	t.Helper()
	gotOut, gotErr, gotExit := run(t, "", args...)
	if gotOut != stdout || gotErr != stderr || gotExit != exit {
		t.Errorf("zkcli %s: exit %d\n%s%s\nwant exit %d\n%s%s", strings.Join(args, " "), gotExit, gotOut, gotErr, exit, stdout, stderr)
	}
}

// entries reads an export.
func entries(t *testing.T, name string) (list []*export.Entry) {
	t.Helper()
	f, err := os.Open(name)
	must(t, err)
	defer f.Close()
	r, err := export.NewReader(f)
	must(t, err)
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		must(t, err)
		list = append(list, e)
	}
}

// writeExport makes an export of a list.
func writeExport(t *testing.T, name string, list []*export.Entry) {
	t.Helper()
	f, err := os.Create(name)
	must(t, err)
	w := export.NewWriter(f, list[0].Path)
	for _, e := range list {
		must(t, w.Write(e))
	}
	must(t, w.Close())
	must(t, f.Close())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func inDir(dir string) func(string) string {
	return func(name string) string { return filepath.Join(dir, name) }
}
