package command

import (
	"bufio"
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"zookit/protocol"
	"zookit/shell/profile"
)

var addAuth = &Command{
	Name:  "addauth",
	Usage: Usage{R38: "scheme auth", Own: "[-env NAME] [-command LINE] [-l] scheme [auth] [@FILE|-]"},
	Flags: []Flag{
		{Name: "env", Arg: "NAME", Help: "the environment variable NAME holds the secret", In: Own},
		{Name: "command", Arg: "LINE", Help: "the first line that sh -c LINE prints is the secret", In: Own},
		{Name: literal.Name, Help: "take auth as it stands: @ and - mean nothing", In: Own},
	},
	Args: []Arg{{Name: "scheme", Kind: ChoiceArg, Words: []Word{{"digest", "user:password"}}},
		{Name: "auth"}, {Name: "source", Kind: FileArg}},
	Summary: "add an identity to the session",
	Help: "For digest the identity is user:password. It is sent again after a reconnect. A secret need not stand on the line: @FILE is the\n" +
		"first line of a file, - what is typed and not shown (a line of stdin where there is no terminal); -env and -command name other\n" +
		"places. Behind a user it is the password, else the whole identity. History never has it, whatever it is; but the list of\n" +
		"processes has what stands on zkcli's own command line.",
	Example: []string{"addauth digest joe:secret", "addauth digest joe -", "addauth digest joe @/run/secrets/zk", "addauth -env ZK_AUTH digest",
		"addauth -command 'pass show zk' digest joe"},
	Secret: 2,
	Min:    1, Max: 3,
	Run: runAddAuth,
}

func runAddAuth(c *Context) error {
	auth, err := c.identity()
	if err != nil {
		return err
	}
	s, err := c.Session()
	if err != nil {
		return err
	}
	err = s.AddAuth(c, c.Args[0], auth)
	if errors.Is(err, protocol.AuthFailed) {
		if c.Compat.AuthUnheard {
			return nil
		}
		return &Failure{Text: "addauth: the server refused the identity (scheme " + c.Args[0] + "): " +
			"it does not know the scheme, or the identity is no good to it; the session goes on as it was", Err: err}
	}
	return err
}

// identity is the bytes to be sent: what stands on the line, or with a secret
// from elsewhere.
func (c *Context) identity() ([]byte, error) {
	words := slices.Clone(c.Args[1:])
	if c.Compat.Release != Own {
		return []byte(strings.Join(words[:min(len(words), 1)], "")), nil
	}
	read, err := c.secretSource(&words)
	if err != nil {
		return nil, err
	}
	if len(words) > 1 {
		return nil, errUsage
	}
	user := strings.Join(words, "")
	if read == nil {
		return []byte(user), nil
	}
	if strings.Contains(user, ":") {
		return nil, &Failure{Text: "addauth: a password stands behind the user already, so there is no place for another"}
	}
	secret, err := read(user)
	if err != nil {
		return nil, &Failure{Text: "addauth: " + err.Error(), Err: err}
	}
	if user != "" {
		secret = user + ":" + secret
	}
	return []byte(secret), nil
}

// secretSource takes the word that names where a secret is off the end of words
// and returns what reads it; nil when the words are all there is.
func (c *Context) secretSource(words *[]string) (read func(user string) (string, error), err error) {
	from := profile.Secret{Env: c.FlagValue("env"), Command: c.FlagValue("command")}
	last := ""
	if n := len(*words); n > 0 && !c.Has(literal.Name) {
		last = (*words)[n-1]
	}
	name, isFile := strings.CutPrefix(last, "@")
	places := 0
	for _, given := range []bool{c.Has("env"), c.Has("command"), isFile, last == "-"} {
		if given {
			places++
		}
	}
	switch {
	case places == 0:
		return nil, nil
	case places > 1:
		return nil, &Failure{Text: "addauth: a secret comes from one place: @FILE, -, -env or -command"}
	case isFile && name == "":
		return nil, &Failure{Text: "addauth: @ without the name of a file behind it (-l takes the argument as it stands)"}
	case isFile:
		from.File = name
	}
	if isFile || last == "-" {
		*words = (*words)[:len(*words)-1]
	}
	if last == "-" {
		return c.askSecret, nil
	}
	return func(string) (string, error) {
		getenv := c.Shell.Getenv
		if getenv == nil {
			getenv = os.Getenv
		}
		return from.Read(c, getenv)
	}, nil
}

// askSecret asks a person for the password of a user, or for a whole identity;
// where there is no terminal it takes a line of stdin.
func (c *Context) askSecret(user string) (string, error) {
	if ask := c.Shell.AskSecret; ask != nil {
		question := "user:password (not shown): "
		if user != "" {
			question = "password of " + user + " (not shown): "
		}
		answer, ok := ask(c, question)
		if !ok || answer == "" {
			return "", errors.New("nothing was typed, so nothing was sent")
		}
		return answer, nil
	}
	if c.Shell.Stdin == nil {
		return "", errors.New("- is stdin, from which the commands come here; name a file with @FILE, or use -env or -command")
	}
	// A byte at a time: what follows may be the next command's.
	line, err := bufio.NewReaderSize(oneByte{c.Shell.Stdin}, 16).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", errors.New("stdin has no line that could be the secret")
	}
	return line, nil
}

// oneByte reads no further than it is asked to.
type oneByte struct{ r io.Reader }

func (o oneByte) Read(p []byte) (int, error) { return o.r.Read(p[:min(len(p), 1)]) }
