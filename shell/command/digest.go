package command

import (
	"strings"

	"zookit/protocol"
)

var digest = &Command{
	Name:    "digest",
	In:      Own,
	Usage:   Usage{Own: "[-l] user:password"},
	Flags:   []Flag{literal},
	Args:    []Arg{{Name: "user:password"}},
	Summary: "print the id that the ACLs of a user and password hold",
	Help: "It is user:HASH, the base64 of SHA-1, as \"create\" and \"setAcl\" want it behind digest: and as a server's superDigest has it.\n" +
		"Nothing is sent. The argument may be @FILE or - as well, which keeps the password out of the history and the process list;\n" +
		"its last line break does not count.",
	Example: []string{"digest joe:secret", "digest @secret.txt"},
	Min:     1, Max: 1,
	Secret: 1,
	Local:  true,
	Run:    runDigest,
}

// DigestRecord is what digest yields in the JSON formats.
type DigestRecord struct {
	ID string `json:"id"` // user:HASH
}

func runDigest(c *Context) error {
	data, err := c.Data(0)
	if err != nil {
		return err
	}
	text := string(data)
	if !c.Has(literal.Name) {
		text = strings.TrimRight(text, "\r\n")
	}
	if user, _, ok := strings.Cut(text, ":"); !ok || user == "" {
		return &Failure{Text: "digest: it takes user:password, with a colon between them"}
	}
	id := protocol.DigestID(text)
	return c.Emit(&DigestRecord{ID: id}, func() { c.Printf("%s\n", id) })
}
