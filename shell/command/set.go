package command

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

var set = &Command{
	Name: "set",
	Usage: Usage{
		R34: "path data [version]", R38: "[-s] [-v version] path data", R39: "path data [-s] [-v version] [-b]",
		Own: "[-s] [-v version] [-b] [-l] path data [version]",
	},
	Flags: []Flag{
		{Name: "s", Help: "Print znode stats additionally"},
		{Name: "v", Arg: "version", Help: "Set with an expected version"},
		{Name: "b", Help: "Supply data in base64 format", In: Since39},
		literal,
	},
	Args:    []Arg{{Name: "path", Kind: PathArg}, {Name: "data"}, {Name: "version"}},
	Summary: "replace the data of a znode",
	Help: "With a version, as -v or as the last argument, the znode is written only while its dataVersion is that one.\n" +
		"Data that begins with \"-\" goes behind \"--\".\n" + dataHelp,
	Example: []string{"set /app/config 'max=10'", "set -v 3 /app/config 'max=20'", "set -b /app/blob aGVsbG8=", "set /app/logo @logo.png"},
	Min:     2, Max: 3,
	Data:    1,
	Changes: true,
	Run:     runSet,
}

func runSet(c *Context) error {
	data, err := c.Data(1)
	if err != nil {
		return err
	}
	if c.Has("b") {
		text := string(data)
		if c.Compat.Release == Own {
			text = strings.TrimRight(text, "\r\n") // of a file
		}
		if data, err = decodeBase64(text); err != nil {
			return &Failure{Text: "set: " + err.Error()}
		}
	}
	version, err := c.versionFlag(2)
	if err != nil {
		return err
	}
	s, path, err := c.Target(c.Args[0])
	if err != nil {
		return err
	}
	st, err := s.Set(c, path, data, version)
	if err != nil {
		return err
	}
	return c.changed(path, st)
}

// decodeBase64 reads the standard alphabet; as in Java, padding may be missing.
func decodeBase64(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, errors.New("the data is not base64: it contains a line break")
	}
	data, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if pad := len(text) - len(strings.TrimRight(text, "=")); err == nil && (pad > 2 || pad > 0 && len(text)%4 != 0) {
		return nil, errors.New("the data is not base64: wrong padding at its end")
	}
	var at base64.CorruptInputError
	if errors.As(err, &at) {
		return nil, fmt.Errorf("the data is not base64: look at character %d", int64(at)+1)
	}
	return data, err
}
