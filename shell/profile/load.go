package profile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds the configuration, in bytes.
const maxFile = 1 << 20

// Place is the name of the configuration file, "" when there is no home for it.
func Place(getenv func(string) string) string {
	base := getenv("XDG_CONFIG_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		base = filepath.Join(home, ".config")
	}
	return filepath.Join(base, "zkcli", "config.yaml")
}

// Load reads a configuration. One that is missing is empty. An error names the
// file, the line where that is known, and the profile.
func Load(name string) (*File, error) {
	f := &File{Name: name}
	b, err := read(name)
	switch {
	case name == "", errors.Is(err, os.ErrNotExist):
		return f, nil
	case err != nil:
		return nil, err
	}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(f); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %s", name, inWords(err))
	}
	for _, n := range f.Names() {
		p := f.Profiles[n]
		if p == nil {
			p = &Profile{}
			f.Profiles[n] = p
		}
		p.Name = n
		if err := p.check(); err != nil {
			return nil, fmt.Errorf("%s: profile %s: %w", name, n, err)
		}
		p.resolve(filepath.Dir(name))
	}
	if f.Default != "" && f.Profiles[f.Default] == nil {
		return nil, fmt.Errorf("%s: default: there is no profile %s", name, f.Default)
	}
	return f, nil
}

// read reads the file, unless others than its owner can write it: a secret's
// command would be theirs.
func read(name string) ([]byte, error) {
	if name == "" {
		return nil, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: it is not an ordinary file", name)
	}
	if info.Mode().Perm()&0o002 != 0 {
		return nil, fmt.Errorf("%s: everybody can write it, and it can name commands to run: chmod o-w it", name)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("%s: it is longer than %d bytes", name, maxFile)
	}
	return b, err
}

var (
	unknownField = regexp.MustCompile(`field (\S+) not found in type \S+`)
	wrongType    = regexp.MustCompile("cannot unmarshal !!\\w+ (`[^`]*` )?into (\\S+)")
)

// inWords takes the names of Go types out of a decoder's complaint.
func inWords(err error) string {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	text = strings.TrimSpace(strings.TrimPrefix(text, "unmarshal errors:"))
	text = strings.ReplaceAll(text, "\n  ", "; ")
	text = unknownField.ReplaceAllStringFunc(text, func(m string) string {
		name := unknownField.FindStringSubmatch(m)[1]
		if name == "password" || strings.HasSuffix(name, "-password") {
			return fmt.Sprintf("%s: a secret does not stand in this file; write %s-file, %[1]s-env or %[1]s-command", name, name)
		}
		return fmt.Sprintf("there is no setting %q", name)
	})
	return wrongType.ReplaceAllStringFunc(text, func(m string) string {
		kinds := map[string]string{"int": "a number", "bool": "true or false", "time.Duration": "a time such as 30s", "string": "a text"}
		parts := wrongType.FindStringSubmatch(m)
		if kind := kinds[parts[2]]; kind != "" {
			return strings.TrimSpace(parts[1]) + " is not " + kind
		}
		return strings.TrimSpace(parts[1]) + " does not belong here"
	})
}

// list is one text or several; a text is cut at its commas.
type list []string

func (l *list) UnmarshalYAML(n *yaml.Node) error {
	var texts []string
	if n.Kind == yaml.ScalarNode {
		texts = []string{n.Value}
	} else if err := n.Decode(&texts); err != nil {
		return err
	}
	for _, t := range texts {
		for _, part := range strings.Split(t, ",") {
			*l = append(*l, strings.TrimSpace(part))
		}
	}
	return nil
}

// resolve makes the names of files absolute.
func (p *Profile) resolve(dir string) {
	for i := range p.Auth {
		p.Auth[i].Password.File = absolute(dir, p.Auth[i].Password.File)
	}
	if t := p.TLS; t != nil {
		for _, name := range []*string{&t.Trust, &t.TrustFile, &t.Key, &t.KeyFile, &t.Cert} {
			*name = absolute(dir, *name)
		}
	}
}

func absolute(dir, name string) string {
	if rest, ok := strings.CutPrefix(name, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}
