package command

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
)

// The outcomes were seen on Apache's shell of 3.8.0 (Commons CLI), where an
// error could be.
func TestFlagGrammar(t *testing.T) {
	t.Parallel()
	known := []Flag{{Name: "s"}, {Name: "w"}, {Name: "v", Arg: "n"}, {Name: "t", Arg: "ms"}, {Name: "members", Arg: "list"}, {Name: "?"}}
	type values = map[string]string
	for _, c := range []struct {
		line   []string
		values values
		args   []string
		fault  string
	}{
		{[]string{"-s", "/a"}, values{"s": ""}, []string{"/a"}, ""},
		{[]string{"/a", "-s"}, values{"s": ""}, []string{"/a"}, ""},
		{[]string{"-sw", "/a"}, values{"s": "", "w": ""}, []string{"/a"}, ""},
		{[]string{"-st5", "/a"}, values{"s": "", "t": "5"}, []string{"/a"}, ""},
		{[]string{"-v=3", "/a"}, values{"v": "3"}, []string{"/a"}, ""},
		{[]string{"-v", "-1", "/a"}, values{"v": "-1"}, []string{"/a"}, ""},
		{[]string{"-v", "-x", "/a"}, values{"v": "-x"}, []string{"/a"}, ""},
		{[]string{"-v", `"3"`, "/a"}, values{"v": "3"}, []string{"/a"}, ""},
		{[]string{"-v", "1", "-v", "2"}, values{"v": "1"}, nil, ""},
		{[]string{"-members", "a,b"}, values{"members": "a,b"}, nil, ""},
		{[]string{"--", "-s", "--"}, values{}, []string{"-s", "--"}, ""},
		{[]string{"/a", "-"}, values{}, []string{"/a", "-"}, ""},
		{[]string{"/a", ""}, values{}, []string{"/a", ""}, ""},
		{[]string{"-?"}, values{"?": ""}, nil, ""},
		{[]string{"-q"}, nil, nil, "UnrecognizedOptionException: Unrecognized option: -q"},
		{[]string{"-sq"}, nil, nil, "UnrecognizedOptionException: Unrecognized option: -sq"},
		{[]string{"-s=1"}, nil, nil, "UnrecognizedOptionException: Unrecognized option: -s=1"},
		{[]string{"--s"}, nil, nil, "UnrecognizedOptionException: Unrecognized option: --s"},
		{[]string{"-mem", "x"}, nil, nil, "UnrecognizedOptionException: Unrecognized option: -mem"},
		{[]string{"-members=x"}, nil, nil, "UnrecognizedOptionException: Unrecognized option: -members=x"},
		{[]string{"-é"}, nil, nil, "UnrecognizedOptionException: Unrecognized option: -é"},
		{[]string{"/a", "-v"}, nil, nil, "MissingArgumentException: Missing argument for option: v"},
		{[]string{"-v", "-s", "/a"}, nil, nil, "MissingArgumentException: Missing argument for option: v"},
		{[]string{"-v", "--", "x"}, nil, nil, "MissingArgumentException: Missing argument for option: v"},
	} {
		p, err := parseFlags(known, c.line, false, false)
		if fault := javaText(err); fault != c.fault {
			t.Errorf("%q: got %q, want %q", c.line, fault, c.fault)
			continue
		}
		if err == nil && (!maps.Equal(p.values, c.values) || !slices.Equal(p.args, c.args)) {
			t.Errorf("%q: got %q %q, want %q %q", c.line, p.values, p.args, c.values, c.args)
		}
	}
}

func TestFlagGroups(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		line  []string
		fault string
	}{
		{[]string{"-n", "2", "/a"}, ""},
		{[]string{"-n", "2", "-n", "3", "/a"}, ""},
		{[]string{"-n", "2", "-b", "3", "/a"}, "AlreadySelectedException: The option 'b' was specified but an option from this group has already been selected: 'n'"},
		{[]string{"/a"}, "MissingOptionException: Missing required option: [-n num soft quota, -b bytes soft quota, -N num hard quota, -B bytes hard quota]"},
		{[]string{"-n"}, "MissingArgumentException: Missing argument for option: n"},
	} {
		_, err := parseFlags(setQuota.Flags, c.line, true, true)
		if fault := javaText(err); fault != c.fault {
			t.Errorf("%q: got %q, want %q", c.line, fault, c.fault)
		}
	}
}

func javaText(err error) string {
	var e *ParseError
	if errors.As(err, &e) {
		return e.Class + ": " + e.Text
	}
	if err != nil {
		return fmt.Sprint(err)
	}
	return ""
}

func FuzzParseFlags(f *testing.F) {
	f.Add("-s", "-v=1", "--")
	f.Add("-", "-sv", "-1")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		for _, cmd := range all {
			p, err := parseFlags(cmd.Flags, []string{a, b, c}, cmd.OneOf, cmd.Required)
			if err == nil && len(p.args) > 3 {
				t.Fatalf("%s: more arguments than words: %q", cmd.Name, p.args)
			}
		}
	})
}
