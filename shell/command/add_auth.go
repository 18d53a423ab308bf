package command

import (
	"errors"

	"zookit/protocol"
)

var addAuth = &Command{
	Name:    "addauth",
	Usage:   Usage{R38: "scheme auth"},
	Args:    []Arg{{Name: "scheme", Kind: ChoiceArg, Words: []string{"digest"}}, {Name: "auth"}},
	Summary: "add an identity to the session",
	Help:    "For digest the identity is user:password. It is sent again after a reconnect.",
	Example: []string{"addauth digest joe:secret"},
	Secret:  2,
	Min:     1, Max: 2,
	Run: runAddAuth,
}

func runAddAuth(c *Context) error {
	var auth []byte
	if len(c.Args) > 1 {
		auth = []byte(c.Args[1])
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
		return &Failure{Text: "addauth: the server refused the identity (scheme " + c.Args[0] + ")", Err: err}
	}
	return err
}
