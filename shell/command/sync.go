package command

import (
	"errors"

	"zookit/protocol"
	"zookit/shell/session"
)

var syncPath = &Command{
	Name:    "sync",
	Usage:   Usage{R38: "path"},
	Args:    []Arg{{Name: "path", Kind: PathArg}},
	Summary: "wait until the server has caught up with its leader",
	Help:    "What is read afterwards is at least as new as what was committed when sync was sent. The path need not exist.",
	Example: []string{"sync /"},
	Min:     1, Max: 1,
	Run: runSync,
}

func runSync(c *Context) error {
	s, path, err := c.Open()
	if err != nil {
		return err
	}
	err = s.Sync(c, path)
	ok, failed := "Sync is OK\n", "Sync has failed. rc=%d\n"
	if c.Compat.SyncReturned {
		ok, failed = "Sync returned 0\n", "Sync returned %d\n"
	}
	var op *session.OpError
	if errors.As(err, &op) && c.Compat.Release != Own {
		c.Printf(failed, int32(op.Code))
		return nil
	}
	if errors.Is(err, protocol.ConnectionLoss) && c.Compat.Release != Own {
		c.Printf(failed, int32(protocol.ConnectionLoss))
		return nil
	}
	if err != nil {
		return err
	}
	return c.Emit(PathRecord{path}, func() { c.Print([]byte(ok)) })
}
