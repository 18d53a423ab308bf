package config

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// An Env is what a configuration is read from beside its file. The zero value has no environment and no arguments.
type Env struct {
	Getenv   func(string) string          // nil for none
	ReadFile func(string) ([]byte, error) // nil for the operating system's; dynamicConfigFile and myid are read too
	Defines  []string                     // the -D arguments without -D, in their order: "zookeeper.snapCount=1000"
}

// Load reads and checks a configuration file. The error names every line that cannot work (*Error, joined); the
// warnings are in the order of their lines and are returned with an error too.
func Load(path string, env Env) (*Config, []Warning, error) {
	text, err := env.readFile(path)
	if err != nil {
		return nil, nil, &Error{File: path, Why: readFailure(err), Mend: "give the path of a readable zoo.cfg"}
	}
	return Parse(path, text, env)
}

// Parse is Load for a text already read; file names it in errors and warnings.
func Parse(file string, text []byte, env Env) (*Config, []Warning, error) {
	l := &loader{file: file, env: env, config: Default(), lines: map[string]property{}}
	l.config.File, l.config.Text = file, string(text)
	if len(text) >= 3 && string(text[:3]) == "\xef\xbb\xbf" {
		l.warn(1, "", "a byte order mark stands before the first key; Apache takes it for a part of the key, here it is skipped")
		text = text[3:]
	}
	props, err := parseProperties(file, text)
	if err != nil {
		l.problems = append(l.problems, err)
	}
	l.systemProperties()
	l.applyFile(props)
	l.finish(props)
	return l.result()
}

// FromArguments is the configuration of `zkserver CLIENTPORT DATADIR [TICKTIME] [MAXCNXNS]` (Apache ServerConfig.java).
func FromArguments(args []string, env Env) (*Config, []Warning, error) {
	keys := []string{"clientPort", "dataDir", "tickTime", "maxClientCnxns"}
	if len(args) < 2 || len(args) > len(keys) {
		return nil, nil, &Error{File: "arguments", Why: fmt.Sprintf("%d arguments", len(args)), Mend: "give CONFIG, or CLIENTPORT DATADIR [TICKTIME] [MAXCNXNS]"}
	}
	l := &loader{file: "arguments", env: env, config: Default(), lines: map[string]property{}}
	l.systemProperties()
	var props []property
	for i, v := range args {
		props = append(props, property{Key: keys[i], Value: v, Bare: v})
	}
	l.applyFile(props)
	l.finish(props)
	return l.result()
}

func (e Env) getenv(name string) string {
	if e.Getenv == nil {
		return ""
	}
	return e.Getenv(name)
}

func (e Env) readFile(path string) ([]byte, error) {
	if e.ReadFile != nil {
		return e.ReadFile(path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFileBytes+1)) // one more than parseProperties accepts
}

func readFailure(err error) string {
	switch {
	case os.IsNotExist(err):
		return "no such file"
	case os.IsPermission(err):
		return "no permission to read it"
	}
	return strings.TrimPrefix(err.Error(), "read ")
}

// A loader gathers one configuration.
type loader struct {
	file     string
	env      Env
	config   *Config
	defined  []define
	lines    map[string]property // what zoo.cfg set, by key
	warnings []Warning
	problems problems
}

// A define is one system property with the place it came from.
type define struct {
	name, value, origin string
	key                 key
}

func (l *loader) warn(line int, name, format string, args ...any) {
	l.warnings = append(l.warnings, Warning{File: l.file, Line: line, Key: name, Text: fmt.Sprintf(format, args...)})
}

func (l *loader) warnAt(origin, name, format string, args ...any) {
	l.warnings = append(l.warnings, Warning{File: origin, Key: name, Text: fmt.Sprintf(format, args...)})
}

func (l *loader) refuse(line int, name, value, why, mend string) {
	l.problems = append(l.problems, &Error{File: l.file, Line: line, Key: name, Value: value, Why: why, Mend: mend})
}

func (l *loader) result() (*Config, []Warning, error) {
	slices.SortStableFunc(l.warnings, func(a, b Warning) int { return a.Line - b.Line })
	if err := l.problems.err(); err != nil {
		return nil, l.warnings, err
	}
	return l.config, l.warnings, nil
}

// systemProperties applies the -D arguments in the order a JVM started by zkServer.sh would see them.
func (l *loader) systemProperties() {
	if l.env.getenv("ZOO_DATADIR_AUTOCREATE_DISABLE") != "" {
		l.define("zookeeper.datadir.autocreate=false", "ZOO_DATADIR_AUTOCREATE_DISABLE")
	}
	for _, variable := range []string{"SERVER_JVMFLAGS", "JVMFLAGS"} {
		var ignored []string
		for _, flag := range strings.Fields(l.env.getenv(variable)) {
			if text, ok := strings.CutPrefix(flag, "-D"); ok {
				l.define(text, variable)
			} else {
				ignored = append(ignored, flag)
			}
		}
		if len(ignored) > 0 {
			l.warnAt(variable, "", "there is no JVM to take %s", printable(strings.Join(ignored, " ")))
		}
	}
	for _, text := range l.env.Defines {
		l.define(text, "-D argument")
	}
	for _, d := range l.defined {
		l.apply(d.key, d.key.property, d.value, func(why, mend string) {
			value := d.value
			if d.key.secret {
				value = ""
			}
			l.problems = append(l.problems, &Error{File: d.origin, Key: d.name, Value: value, Why: why, Mend: mend})
		}, func(note string) { l.warnAt(d.origin, d.name, "%s", note) })
	}
}

// jvmPrefixes are system properties of the Java platform itself.
var jvmPrefixes = []string{"java.", "javax.", "sun.", "com.sun.", "jdk.", "user.", "file.", "log4j", "logback", "slf4j", "org.", "net.", "https.", "http."}

func (l *loader) define(text, origin string) {
	name, value, _ := strings.Cut(text, "=")
	value = trim(value)
	k, ok := findProperty(name)
	if !ok {
		l.unknownProperty(name, origin)
		return
	}
	// Of two for one property the later wins, and only it is judged.
	l.defined = slices.DeleteFunc(l.defined, func(d define) bool { return d.name == name })
	l.defined = append(l.defined, define{name: name, value: value, origin: origin, key: k})
}

func (l *loader) unknownProperty(name, origin string) {
	for _, prefix := range jvmPrefixes {
		if strings.HasPrefix(name, prefix) {
			l.warnAt(origin, name, "a property of the Java platform; there is no JVM to take it")
			return
		}
	}
	short := strings.TrimPrefix(name, "zookeeper.")
	if k, ok := findKey(short); ok {
		if k.property == "" {
			l.warnAt(origin, name, "no system property in Apache either, ignored; write %s in zoo.cfg", short)
		} else {
			l.warnAt(origin, name, "ignored, as Apache would; write -D%s", strings.TrimSuffix(k.property, "*"))
		}
		return
	}
	l.warnAt(origin, name, "unknown system property, ignored%s", suggest(name, func(k key) string { return k.property }))
}

// applyFile applies the lines of zoo.cfg over the system properties.
func (l *loader) applyFile(props []property) {
	last := map[string]int{}
	for i, p := range props {
		if before, ok := last[p.Key]; ok {
			l.warn(p.Line, p.Key, "set again; the value of line %d is not used", props[before].Line)
		}
		last[p.Key] = i
	}
	for i, p := range props {
		if last[p.Key] == i {
			l.property(p)
		}
	}
}

func (l *loader) property(p property) {
	k, known := findKey(p.Key)
	if !known {
		l.unknownKey(p)
		return
	}
	value := p.Value
	if p.Comment != "" {
		l.comment(k, p)
		value = p.Bare
		switch k.name {
		case "dataDir":
			l.config.literalDirs[0] = p.Value
		case "dataLogDir":
			l.config.literalDirs[1] = p.Value
		}
	}
	if p.NonASCII {
		l.warn(p.Line, p.Key, `bytes above 0x7f are read as ISO 8859-1, as Java does; write \uXXXX to be sure`)
	}
	l.lines[p.Key] = p
	shown := value
	if k.secret {
		shown = ""
	}
	l.apply(k, k.name, value,
		func(why, mend string) { l.refuse(p.Line, p.Key, shown, why, mend) },
		func(note string) { l.warn(p.Line, p.Key, "%s", note) })
	l.overridden(k, p, value)
}

// apply sets a value and reports through refuse and note.
func (l *loader) apply(k key, name, value string, refuse func(why, mend string), note func(string)) {
	text, why, mend := k.set(l.config, value)
	switch {
	case why != "":
		refuse(why, mend)
	case text != "":
		note(text)
	case k.effect == ineffective && k.asks(value):
		note("accepted without effect: " + k.note)
	}
}

// comment says how the ` # text` after a value was read. The text of a secret is not repeated: it may be half of it.
func (l *loader) comment(k key, p property) {
	read := "read as " + printable(p.Bare)
	if p.Bare == "" {
		read = "read as no value"
	}
	if k.secret {
		l.warn(p.Line, p.Key, `what follows " #" is taken for a comment; write \# if it belongs to the value`)
		return
	}
	l.warn(p.Line, p.Key, `the trailing comment %s is left out, %s; Apache would take it as part of the value: put the comment on a line of its own, or write \# if it belongs to the value`,
		printable(p.Comment), read)
}

// overridden says that a line of zoo.cfg won over a -D argument with another value.
func (l *loader) overridden(k key, p property, value string) {
	if k.property == "" {
		return
	}
	for _, d := range l.defined {
		if d.key.name == k.name && d.value != value && d.name == strings.Replace(k.property, "*", strings.TrimPrefix(p.Key, strings.TrimSuffix(k.name, "*")), 1) {
			l.warn(p.Line, p.Key, "this line wins over %s from %s, as in Apache", d.name, d.origin)
		}
	}
}

func (l *loader) unknownKey(p property) {
	if p.Key == "" {
		l.refuse(p.Line, "", "", "a line without a key", "write key=value, or # before a comment")
		return
	}
	if short, ok := strings.CutPrefix(p.Key, "zookeeper."); ok {
		if _, known := findKey(short); known {
			l.warn(p.Line, p.Key, "ignored, as Apache ignores it in a file; write %s=…", short)
			return
		}
	}
	l.warn(p.Line, p.Key, "unknown key, ignored%s", suggest(p.Key, func(k key) string { return k.name }))
}
