package command

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"zookit/shell/render"
	"zookit/shell/value"
)

// mostLines bounds the lines of a diff.
const mostLines = 40

// print writes a change: a line, and below it how the data changed.
func (t *tail) print(r *WatchedChange) {
	out := t.c.Shell.Out
	line := fmt.Sprintf("%s  %-11s  %-8s  %s", clock(r.Time), dash(r.Zxid), r.Kind, r.Path)
	var marks []string
	for _, name := range r.Added {
		marks = append(marks, "+"+name)
	}
	for _, name := range r.Removed {
		marks = append(marks, "-"+name)
	}
	if r.Version != nil && r.Kind == kindChanged {
		marks = append(marks, fmt.Sprintf("version %d", *r.Version))
	}
	if r.haveNew {
		marks = append(marks, counted(len(r.New), "byte"))
	}
	if r.Missed > 0 {
		marks = append(marks, "("+counted(int(r.Missed), "change")+" in between not shown)")
	}
	if r.remark != "" {
		marks = append(marks, "("+r.remark+")")
	}
	if r.Late {
		marks = append(marks, "(while the connection was away)")
	}
	if len(marks) > 0 {
		line += "  " + strings.Join(marks, " ")
	}
	if out.OutTerminal {
		line = out.OutStyle.Headline(render.Visible(line))
	}
	t.c.Shell.Out.PrintStyled([]byte(line + "\n"))
	t.printDiff(r)
}

// printDiff shows how the data changed, as far as both sides are known.
func (t *tail) printDiff(r *WatchedChange) {
	var diff []byte
	switch {
	case r.Kind == kindChildren || !r.haveOld && !r.haveNew:
		return
	case r.Kind == kindChanged && !r.haveOld:
		t.c.Print([]byte("  (what it was before is not known)\n"))
		diff = value.Diff([]byte{}, r.New)
	default:
		diff = value.Diff(notNil(r.Old), notNil(r.New))
	}
	diff = plainer(diff)
	if n := bytes.Count(diff, []byte("\n")); n > mostLines {
		cut := 0
		for range mostLines {
			cut += bytes.IndexByte(diff[cut:], '\n') + 1
		}
		diff = fmt.Appendf(diff[:cut:cut], "(%s more)\n", counted(n-mostLines, "line"))
	}
	if len(diff) == 0 {
		return
	}
	lines := value.DiffLines(diff)
	for i := range lines {
		lines[i] = append(render.Line{{Text: "  "}}, lines[i]...)
	}
	if t.c.Shell.Out.OutTerminal {
		t.c.Shell.Out.PrintStyled(t.c.Shell.Out.OutStyle.AppendLines(nil, lines))
		return
	}
	t.c.Shell.Out.Print(render.AppendPlain(nil, lines))
}

// notNil makes absent data empty, so that text against nothing is compared as
// text.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// plainer takes out of a diff what a person does not need: the line numbers
// when it is one hunk, and that a line has no line break.
func plainer(diff []byte) []byte {
	hunks := bytes.Count(diff, []byte("\n@@ "))
	var out []byte
	for i, l := range bytes.SplitAfter(diff, []byte("\n")) {
		if i == 0 && hunks == 0 && bytes.HasPrefix(l, []byte("@@ ")) || bytes.HasPrefix(l, []byte("\\ ")) {
			continue
		}
		out = append(out, l...)
	}
	return out
}

// exec runs the command of -exec for a change. Its failure is told and the tail
// goes on.
func (t *tail) exec(r *WatchedChange) error {
	cmd := exec.CommandContext(t.c, "sh", "-c", t.c.FlagValue("exec"))
	cmd.Env = append(os.Environ(), "ZK_PATH="+r.Path, "ZK_KIND="+r.Kind, "ZK_ZXID="+r.Zxid, "ZK_TIME="+r.Time.Format(time.RFC3339Nano))
	cmd.Stdin = bytes.NewReader(r.New)
	cmd.WaitDelay = time.Second
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	err := cmd.Run()
	if t.c.Shell.Format != FormatJSON && t.c.Shell.Format != FormatJSONL {
		t.c.Print(output.Bytes())
	} else if output.Len() > 0 {
		t.c.Shell.Out.Note(strings.TrimRight(output.String(), "\n"))
	}
	if err != nil && t.c.Err() == nil {
		t.c.Warn("watch: -exec: " + err.Error())
	}
	_ = t.c.Shell.Out.Flush()
	return t.c.Err()
}
