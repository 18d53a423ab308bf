package command

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Reference is docs/commands.md: the commands of zkcli's own manner and the
// topics of help, as the table has them.
func Reference() string {
	own, _ := CompatFor("")
	var b strings.Builder
	b.WriteString("# Commands of zkcli\n\n" +
		"Made from the command table by `make docs`; a test says when it is out of date. `help COMMAND` prints the same.\n\n" +
		"Every command also takes `-o text|table|json|jsonl` and `-y`, unless it has a flag of that name itself.\n\n")
	table := sortedTable(own)
	for _, c := range table {
		fmt.Fprintf(&b, "- [`%s`](#%s) %s\n", c.Name, strings.ToLower(c.Name), markdown(c.Summary))
	}
	for _, c := range table {
		fmt.Fprintf(&b, "\n## %s\n\n    %s\n\n%s.\n", c.Name, c.Syntax(own), markdown(sentence(c.Summary)))
		if c.Help != "" {
			b.WriteString(markdown(c.Help) + "\n")
		}
		if flags := c.FlagsIn(own); len(flags) > 0 {
			b.WriteString("\n| flag | |\n|---|---|\n")
			for _, f := range sortedFlags(flags) {
				fmt.Fprintf(&b, "| `%s` | %s |\n", strings.TrimSpace("-"+f.Name+" "+f.Arg), markdown(f.Help))
			}
		}
		if len(c.Example) > 0 {
			b.WriteString("\n    " + strings.Join(c.Example, "\n    ") + "\n")
		}
		if len(c.Aliases) > 0 {
			b.WriteString("\nAlso: " + strings.Join(c.Aliases, ", ") + "\n")
		}
	}
	b.WriteString("\n# Topics\n")
	for _, t := range topics {
		fmt.Fprintf(&b, "\n## %s: %s\n\n%s\n", t.name, t.summary, indent(t.text))
	}
	b.WriteString("\n# Results in JSON\n\n`-o json` prints an array of records, `-o jsonl` one a line; `-o table` has their fields for columns.\n" +
		"Fields marked ? are left out when they are empty.\n")
	for _, r := range records {
		fmt.Fprintf(&b, "\n## %s\n\n", r.commands)
		describe(&b, reflect.TypeOf(r.record))
	}
	b.WriteString("\n## No records\n\n")
	for _, r := range recordless {
		fmt.Fprintf(&b, "- %s: %s\n", r.commands, r.why)
	}
	return b.String()
}

// markdown keeps what Markdown would take for markup as it is.
func markdown(text string) string {
	return strings.NewReplacer("<", "&lt;", "*", `\*`, "_", `\_`, "|", `\|`).Replace(text)
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    ")
}

// describe lists the fields of a record with their types.
func describe(b *strings.Builder, t reflect.Type) {
	b.WriteString("| field | type |\n|---|---|\n")
	eachField(t, func(name string, optional bool, kind string) {
		if optional {
			name += " ?"
		}
		fmt.Fprintf(b, "| %s | %s |\n", name, kind)
	})
}

func eachField(t reflect.Type, f func(name string, optional bool, kind string)) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	for i := range t.NumField() {
		field := t.Field(i)
		tag, has := field.Tag.Lookup("json")
		if field.Anonymous && !has {
			eachField(field.Type, f)
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		if !field.IsExported() || name == "-" || !has {
			continue
		}
		f(name, strings.Contains(options, "omitempty"), kindOf(field.Type))
	}
}

// kindOf is the JSON type of a field in words.
func kindOf(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Time]():
		return "text: a time as in RFC 3339"
	case reflect.TypeFor[json.RawMessage]():
		return "any"
	case reflect.TypeFor[[]byte]():
		return "text in base64"
	}
	switch t.Kind() {
	case reflect.Interface:
		return "any"
	case reflect.Pointer:
		return kindOf(t.Elem())
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "list of " + kindOf(t.Elem())
	case reflect.Map:
		return "object of " + kindOf(t.Elem())
	case reflect.Struct:
		var names []string
		eachField(t, func(name string, _ bool, _ string) { names = append(names, name) })
		return "object: " + strings.Join(names, ", ")
	}
	return "number"
}
