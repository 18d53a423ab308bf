package main_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A conformance script is text: comments, and commands each followed by what
// it is to print.
//
//	# a comment
//	$ create /a hello          one command, a process of its own
//	| Created /a               a line of stdout
//	! Node already exists: /a  a line of stderr
//	? 1                        the exit status, when it is not 0
//	$ <<END                    several lines in one session, read from stdin
//	get -w /a
//	END
//
// A line "|\" after the last line of stdout says that it had no newline.
type script struct {
	name  string
	lines []entry
}

// entry is a comment or blank line, or a command with its outcome.
type entry struct {
	comment string // the line as it stands; commands have none
	command string // the command line, "" for a session
	session []string
	want    outcome
}

func (e *entry) runs() bool { return e.command != "" || e.session != nil }

func (e *entry) String() string {
	if e.session != nil {
		return "session: " + strings.Join(e.session, "; ")
	}
	return e.command
}

// outcome is what a command printed and how it ended.
type outcome struct {
	stdout, stderr string
	exit           int
}

func (o outcome) String() string {
	var b strings.Builder
	writeStream(&b, "|", o.stdout)
	writeStream(&b, "!", o.stderr)
	if o.exit != 0 {
		fmt.Fprintf(&b, "? %d\n", o.exit)
	}
	return b.String()
}

func writeStream(b *strings.Builder, mark, text string) {
	if text == "" {
		return
	}
	whole := strings.TrimSuffix(text, "\n")
	for _, l := range strings.Split(whole, "\n") {
		switch {
		case l == "":
			b.WriteString(mark + "\n")
		case strings.HasSuffix(l, " "):
			b.WriteString(mark + " " + l + blanksEnd + "\n")
		default:
			b.WriteString(mark + " " + l + "\n")
		}
	}
	if whole == text {
		b.WriteString(mark + "\\\n")
	}
}

// blanksEnd closes a line that ends in blanks, to keep them visible and safe
// from editors (U+2420 SYMBOL FOR SPACE).
const blanksEnd = "\u2420"

func readScript(t testing.TB, path string) *script {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := &script{name: strings.TrimSuffix(filepath.Base(path), ".txt")}
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<20)
	for n := 1; in.Scan(); n++ {
		line := in.Text()
		last := func() *entry {
			if len(s.lines) == 0 || !s.lines[len(s.lines)-1].runs() {
				t.Fatalf("%s:%d: an outcome without a command: %q", path, n, line)
			}
			return &s.lines[len(s.lines)-1]
		}
		switch {
		case strings.HasPrefix(line, "$ <<"):
			end := line[4:]
			e := entry{session: []string{}}
			for in.Scan() && in.Text() != end {
				n++
				e.session = append(e.session, in.Text())
			}
			n++
			s.lines = append(s.lines, e)
		case strings.HasPrefix(line, "$ "):
			s.lines = append(s.lines, entry{command: line[2:]})
		case line == "|\\":
			w := &last().want
			w.stdout = strings.TrimSuffix(w.stdout, "\n")
		case line == "!\\":
			w := &last().want
			w.stderr = strings.TrimSuffix(w.stderr, "\n")
		case strings.HasPrefix(line, "|"):
			last().want.stdout += outputLine(line)
		case strings.HasPrefix(line, "!"):
			last().want.stderr += outputLine(line)
		case strings.HasPrefix(line, "? "):
			code, err := strconv.Atoi(line[2:])
			if err != nil {
				t.Fatalf("%s:%d: exit status %q", path, n, line)
			}
			last().want.exit = code
		case line == "" || strings.HasPrefix(line, "#"):
			s.lines = append(s.lines, entry{comment: line})
		default:
			t.Fatalf("%s:%d: not a script line: %q", path, n, line)
		}
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	return s
}

func outputLine(line string) string {
	return strings.TrimPrefix(strings.TrimSuffix(line[1:], blanksEnd), " ") + "\n"
}

// write replaces the script with what was seen.
func (s *script) write(t testing.TB, path string) {
	t.Helper()
	var b strings.Builder
	for _, e := range s.lines {
		switch {
		case !e.runs():
			b.WriteString(e.comment + "\n")
			continue
		case e.session != nil:
			b.WriteString("$ <<END\n" + strings.Join(append(e.session, "END"), "\n") + "\n")
		default:
			b.WriteString("$ " + e.command + "\n")
		}
		b.WriteString(e.want.String())
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestScriptRoundTrip(t *testing.T) {
	t.Parallel()
	in := &script{lines: []entry{
		{comment: "# first"},
		{command: "get /a", want: outcome{stdout: "two  \n\n \nlines  ", stderr: "e\n", exit: 4}},
		{session: []string{"ls /", ""}, want: outcome{stdout: "[a]\n"}},
		{command: "set /a b"},
	}}
	path := filepath.Join(t.TempDir(), "s.txt")
	in.write(t, path)
	out := readScript(t, path)
	if fmt.Sprint(out.lines) != fmt.Sprint(in.lines) {
		t.Errorf("got  %q\nwant %q", fmt.Sprint(out.lines), fmt.Sprint(in.lines))
	}
}
