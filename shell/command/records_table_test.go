package command

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// Every struct of this package with JSON fields is in the reference, as a record
// or within one: so is each that a command emits. One of another package would
// not be found, so none may be emitted.
func TestEveryRecordIsListed(t *testing.T) {
	t.Parallel()
	listed := map[string]bool{}
	var list func(reflect.Type)
	list = func(r reflect.Type) {
		switch r.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			list(r.Elem())
		case reflect.Struct:
			if listed[r.Name()] {
				return
			}
			listed[r.Name()] = true
			for i := range r.NumField() {
				list(r.Field(i).Type)
			}
		}
	}
	for _, r := range records {
		list(reflect.TypeOf(r.record))
	}
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	found := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.TypeSpec:
				if s, ok := n.Type.(*ast.StructType); ok && hasJSON(s) {
					if found++; !listed[n.Name.Name] {
						t.Errorf("%s: %s has JSON fields and is in no record of records_table.go", name, n.Name.Name)
					}
				}
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Emit" && len(n.Args) > 0 && isForeign(n.Args[0]) {
					t.Errorf("%s: a record of another package is emitted", name)
				}
			}
			return true
		})
	}
	if found < len(records) {
		t.Errorf("%d types with JSON fields were found, of %d records", found, len(records))
	}
}

func hasJSON(s *ast.StructType) bool {
	return slices.ContainsFunc(s.Fields.List, func(f *ast.Field) bool {
		return f.Tag != nil && strings.Contains(f.Tag.Value, `json:"`)
	})
}

// isForeign tells whether an expression is pkg.Type{…} or &pkg.Type{…}.
func isForeign(e ast.Expr) bool {
	if u, ok := e.(*ast.UnaryExpr); ok {
		e = u.X
	}
	literal, ok := e.(*ast.CompositeLit)
	if !ok {
		return false
	}
	_, ok = literal.Type.(*ast.SelectorExpr)
	return ok
}

// Every command has its records in the reference, or a reason why it has none.
func TestEveryCommandHasRecordsOrNone(t *testing.T) {
	t.Parallel()
	emits, silent := map[string]bool{}, map[string]bool{}
	name := func(into map[string]bool, commands string) {
		for _, c := range strings.Split(commands, ", ") {
			word, _, _ := strings.Cut(c, " ")
			into[word] = true
		}
	}
	for _, r := range records {
		name(emits, r.commands)
	}
	for _, r := range recordless {
		name(silent, r.commands)
	}
	for _, c := range wordCommands() {
		emits[c.Name] = true // as 4lw
	}
	own, _ := CompatFor("")
	for _, c := range sortedTable(own) {
		if emits[c.Name] == silent[c.Name] {
			t.Errorf("%s: in records: %v, in recordless: %v; one it must be", c.Name, emits[c.Name], silent[c.Name])
		}
		delete(emits, c.Name)
		delete(silent, c.Name)
	}
	if len(emits)+len(silent) > 0 {
		t.Errorf("no commands: %v %v", emits, silent)
	}
}

// What changes something has a record that names it, and what prints a remark
// keeps it out of the records; redo has those of its line alone.
func TestRecordsOfChanges(t *testing.T) {
	t.Parallel()
	b := newBench(t, "", "/a", "/b")
	b.Format = FormatJSON
	for _, tt := range []struct{ line, want string }{
		{"delete /b", `[{"path":"/b"}]` + "\n"},
		{"addWatch -m PERSISTENT /a", `[{"path":"/a","kind":"persistent"}]` + "\n"},
		{"addWatch /a", `[{"path":"/a","kind":"recursive"}]` + "\n"},
		{"printwatches off", `[{"name":"printwatches","on":false}]` + "\n"},
		{"delquota /a", "[]\n"},
		{"setquota -b 0 /a", `[{"path":"/a"}]` + "\n"},
		{"pwd", `[{"path":"/"}]` + "\n"},
		{"redo 6", `[{"path":"/"}]` + "\n"},
	} {
		if out, err, exit := b.do(tt.line); out != tt.want || exit != 0 {
			t.Errorf("%s: %q, %q, exit %d; want %q", tt.line, out, err, exit, tt.want)
		}
	}
}
