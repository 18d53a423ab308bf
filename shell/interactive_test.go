package shell

import (
	"os"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/shell/command"
	"zookit/shell/repl"
)

// What happens while a question stands is told behind its answer.
func TestEventBesideQuestion(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	var screen lockedBuffer
	printer := repl.NewPrinter(&screen)
	own, _ := command.CompatFor("")
	sh := command.New(own, &command.Console{Stdout: printer, Stderr: printer}, nil, "h:1")
	q := &questioner{sh: sh, in: r, printer: printer, ctx: t.Context()}
	answered := make(chan bool, 1)
	go func() { answered <- q.confirm("Delete it?") }()
	eventually(t, func() bool { return strings.HasSuffix(screen.String(), "Delete it? [y/N] ") })
	sh.Out.Event("SyncConnected", "NodeDeleted", "/a", protocol.Zxid(5), true)
	sh.Out.Note("connected")
	if got := screen.String(); !strings.HasSuffix(got, "Delete it? [y/N] ") {
		t.Errorf("behind the question stands %q", got)
	}
	if _, err := w.WriteString("y\n"); err != nil {
		t.Fatal(err)
	}
	if !<-answered {
		t.Error("y is no")
	}
	if got := screen.String(); !strings.Contains(got, "path:/a zxid: 5") || !strings.Contains(got, "connected\n") {
		t.Errorf("what happened is not told: %q", got)
	}
}
