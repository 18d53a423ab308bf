// Package docs holds the pages of the documentation, and tests of what they say.
package docs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"zookit/server/defect"
)

const scenarios = 73 // rows of regressions.md

// A named test of the page and, behind the last of a list, its package:
// `TestA`, `TestB/sub` in `server/zab`.
var quoted = regexp.MustCompile("( in )?`([^`\n]+)`")

var test = regexp.MustCompile(`^(Test|Fuzz|Example)[A-Z]\w*$`)

// TestRegressions: the rows of regressions.md are in order, and every test that
// one names is there.
func TestRegressions(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("regressions.md")
	if err != nil {
		t.Fatal(err)
	}
	packages := map[string]*source{}
	rows := 0
	for n, line := range strings.Split(string(page), "\n") {
		cells := strings.Split(strings.Trim(line, "|"), " | ")
		number, err := strconv.Atoi(strings.TrimSpace(cells[0]))
		if !strings.HasPrefix(line, "| ") || err != nil {
			continue
		}
		if rows++; number != rows {
			t.Fatalf("regressions.md:%d: scenario %d stands where %d should", n+1, number, rows)
		}
		if len(cells) != 4 || !strings.Contains(cells[1], " → ") {
			t.Errorf("regressions.md:%d: a row is number, trigger → outcome, test, Apache 3.8.0", n+1)
			continue
		}
		if err := named(packages, cells[2]); err != nil {
			t.Errorf("regressions.md:%d: scenario %d: %v", n+1, number, err)
		}
	}
	if rows != scenarios {
		t.Errorf("regressions.md has %d scenarios, want %d", rows, scenarios)
	}
}

// TestPagesNameWhatIsThere: tests, planted defects and files of testdata that a
// page names, here or in the README.
func TestPagesNameWhatIsThere(t *testing.T) {
	t.Parallel()
	there := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	if err := filepath.WalkDir("..", func(path string, d os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
			there[m[1]] = true
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for d := range defect.All {
		there[defect.All[d].Name] = true
	}
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	planted := regexp.MustCompile("planted ((?:`\\w+`(?:, )?)+)")
	for _, page := range append(pages, "../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range quoted.FindAllStringSubmatch(string(text), -1) {
			name, _, _ := strings.Cut(m[2], "/")
			name = name[strings.LastIndexByte(name, '.')+1:] // package.TestX
			switch {
			case test.MatchString(name) && !there[name]:
				t.Errorf("%s: there is no %s", page, m[2])
			case strings.HasPrefix(m[2], "testdata/"):
				if _, err := os.Stat(filepath.Join("..", filepath.FromSlash(m[2]))); err != nil {
					t.Errorf("%s: %v", page, err)
				}
			}
		}
		for _, m := range planted.FindAllStringSubmatch(string(text), -1) {
			for _, q := range quoted.FindAllStringSubmatch(m[1], -1) {
				if !there[q[2]] {
					t.Errorf("%s: no defect %s", page, q[2])
				}
			}
		}
	}
}

// named looks for the tests that a cell names; a cell that names none says why
// in words.
func named(packages map[string]*source, cell string) error {
	var waiting []string
	for _, m := range quoted.FindAllStringSubmatch(cell, -1) {
		in, name := m[1] != "", m[2]
		switch {
		case in && len(waiting) > 0:
			if packages[name] == nil {
				s, err := load(name)
				if err != nil {
					return err
				}
				packages[name] = s
			}
			for _, w := range waiting {
				if err := packages[name].has(w); err != nil {
					return fmt.Errorf("%s in %s: %w", w, name, err)
				}
			}
			waiting = nil
		case test.MatchString(strings.Split(name, "/")[0]):
			waiting = append(waiting, name)
		}
	}
	if len(waiting) > 0 {
		return fmt.Errorf("%s: the package is missing (in `server/zab`)", strings.Join(waiting, ", "))
	}
	if len(strings.TrimSpace(cell)) < 10 {
		return fmt.Errorf("neither a test nor a reason why there is none: %q", cell)
	}
	return nil
}

// source is what the tests of a package are called.
type source struct {
	dir   string
	funcs map[string]bool
	texts map[string]bool // every string constant: subtests are named by such, scripts stand in folders of such a name
}

func load(pkg string) (*source, error) {
	s := &source{dir: filepath.Join("..", filepath.FromSlash(pkg)), funcs: map[string]bool{}, texts: map[string]bool{}}
	files, _ := filepath.Glob(filepath.Join(s.dir, "*_test.go"))
	if len(files) == 0 {
		return nil, fmt.Errorf("no tests in %s", pkg)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv == nil {
					s.funcs[n.Name.Name] = true
				}
			case *ast.BasicLit:
				if text, err := strconv.Unquote(n.Value); n.Kind == token.STRING && err == nil {
					s.texts[text] = true
				}
			}
			return true
		})
	}
	return s, nil
}

// has looks for TestX, or TestX/sub/sub: names among the constants, in which go
// test has written _ for a space, or a script.
func (s *source) has(test string) error {
	parts := strings.Split(test, "/")
	if !s.funcs[parts[0]] {
		return fmt.Errorf("there is no func %s", parts[0])
	}
	for _, sub := range parts[1:] {
		if !s.hasSub(sub) {
			return fmt.Errorf("%s has no subtest and no script %s", parts[0], sub)
		}
	}
	return nil
}

func (s *source) hasSub(sub string) bool {
	for text := range s.texts {
		if strings.ReplaceAll(text, " ", "_") == sub {
			return true
		}
		if strings.Contains(text, "testdata/") {
			if _, err := os.Stat(filepath.Join(s.dir, filepath.FromSlash(text), sub)); err == nil {
				return true
			}
		}
	}
	return false
}
