package command

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"zookit/protocol"
	"zookit/shell/line"
	"zookit/shell/session"
)

// hintTimeout bounds the requests that a hint may cost.
const hintTimeout = 2 * time.Second

// hint is a line behind a failure: its likely cause, and the command to try
// next; "" when there is nothing to add. It may ask the server, which is why it
// is for a person alone: zkcli's own manner, with stderr on a terminal.
func (s *Shell) hint(ctx context.Context, cmd *Command, err error) string {
	if s.Compat.Release != Own || !s.Out.ErrTerminal || s.Out.Quiet || cmd == nil {
		return ""
	}
	var op *session.OpError
	open := s.Current()
	if parse := (*ParseError)(nil); errors.Is(err, errUsage) || errors.As(err, &parse) {
		return fmt.Sprintf(`"help %s" explains it, with examples`, cmd.Name)
	}
	if errors.Is(err, errNoMatchAbove) {
		return "nothing matches in what was named; -R searches everything below it"
	}
	if !errors.As(err, &op) {
		return ofLoss(err)
	}
	if open == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, hintTimeout)
	defer cancel()
	h := hinter{ctx: ctx, s: open, cmd: cmd, path: op.Path, op: op.Op}
	if op.Path == "" {
		return h.ofCode(op.Code)
	}
	switch op.Code {
	case protocol.NotEmpty:
		return h.notEmpty()
	case protocol.NoNode:
		return h.noNode()
	case protocol.NodeExists:
		return fmt.Sprintf(`"set %s DATA" replaces its data; create -s puts a number behind the name`, quoted(h.path))
	case protocol.NoAuth:
		return h.noAuth()
	case protocol.BadVersion:
		return h.badVersion()
	case protocol.NoChildrenForEphemerals:
		return fmt.Sprintf(`%s is ephemeral, and those have no children; "stat %s" tells whose it is, a persistent parent can hold both`,
			protocol.Parent(h.path), quoted(protocol.Parent(h.path)))
	case protocol.InvalidACL:
		return h.invalidACL()
	case protocol.QuotaExceeded:
		return h.quota()
	}
	return h.ofCode(op.Code)
}

// quoted is a path as it has to be typed.
func quoted(path string) string {
	if typed, ok := line.Quote(path); ok {
		return typed
	}
	return path
}

// hinter asks for what a hint needs. Whatever fails makes the hint shorter.
type hinter struct {
	ctx  context.Context
	s    Session
	cmd  *Command
	path string
	op   protocol.OpCode
}

func (h *hinter) notEmpty() string {
	st, err := h.s.Exists(h.ctx, h.path, false)
	if err != nil || st.NumChildren == 0 {
		return ""
	}
	return fmt.Sprintf("%s has %s; deleteall removes %s too", h.path, children(int(st.NumChildren)), them(st.NumChildren))
}

func children(n int) string {
	if n == 1 {
		return "1 child"
	}
	return fmt.Sprintf("%d children", n)
}

func them(n int32) string {
	if n == 1 {
		return "it"
	}
	return "them"
}

// noNode names the nearest parent there is, and a child of it that may have
// been meant.
func (h *hinter) noNode() string {
	create := h.cmd.Name == "create"
	missing := h.path
	for parent := protocol.Parent(h.path); parent != ""; parent = protocol.Parent(parent) {
		names, _, err := h.s.Children(h.ctx, parent, false)
		switch {
		case errors.Is(err, protocol.NoNode):
			missing = parent
			continue
		case err != nil:
			return ""
		}
		text := fmt.Sprintf("%s exists and has %s", parent, children(len(names)))
		guess := nearest(protocol.Base(missing), names)
		if guess != "" {
			text += fmt.Sprintf("; did you mean %s?", quoted(protocol.Join(parent, guess)))
		}
		switch {
		case create && missing != h.path:
			text += fmt.Sprintf(`; "create -p" makes the parents, %s first`, missing)
		case guess == "":
			text += fmt.Sprintf(`; "ls %s" lists what there is`, quoted(parent))
		}
		return text
	}
	if chroot := h.s.Chroot(); chroot != "" {
		return fmt.Sprintf(`the chroot of this connection, %s, does not exist; "create -p %[1]s" in a shell without it makes it`, chroot)
	}
	return ""
}

// maxGuessed bounds the names that are compared with the one that is missing.
const maxGuessed = 10_000

// nearest is the name that differs least, "" when none is near.
func nearest(name string, names []string) string {
	best, bestAt := "", 3
	for _, n := range names[:min(len(names), maxGuessed)] {
		d := distance(strings.ToLower(name), strings.ToLower(n))
		if d < bestAt && d < len(name) {
			best, bestAt = n, d
		}
	}
	return best
}

// noAuth says who this session is and what the ACL wants. That of the parent
// counts for creating and deleting.
func (h *hinter) noAuth() string {
	path, perm := h.path, ""
	switch h.op {
	case protocol.OpCreate, protocol.OpCreate2, protocol.OpCreateTTL, protocol.OpCreateContainer:
		path, perm = protocol.Parent(h.path), "c"
	case protocol.OpDelete:
		path, perm = protocol.Parent(h.path), "d"
	case protocol.OpSetData:
		perm = "w"
	case protocol.OpSetACL:
		perm = "a"
	default:
		perm = "r"
	}
	names := map[string]string{"c": "creating below", "d": "deleting below", "w": "writing", "a": "setting the ACL of", "r": "reading"}
	text := fmt.Sprintf("%s %s needs the permission %s", names[perm], path, perm)
	if acl, _, err := h.s.GetACL(h.ctx, path); err == nil {
		text += ", which has " + grants(acl, perm)
	}
	return text + `; "whoami" tells who this session is, "addauth digest USER:PASSWORD" adds an identity`
}

// grants lists who has a permission.
func grants(acl []protocol.ACL, perm string) string {
	wanted, _ := parsePerms(perm)
	var who []string
	for _, a := range acl {
		if a.Perms&wanted != 0 {
			who = append(who, a.Scheme+":"+a.ID)
		}
	}
	if who == nil {
		return "nobody"
	}
	return strings.Join(who, ", ")
}

func (h *hinter) badVersion() string {
	st, err := h.s.Exists(h.ctx, h.path, false)
	if err != nil {
		return ""
	}
	name, version := "dataVersion", st.Version
	if h.op == protocol.OpSetACL {
		name, version = "aclVersion", st.Aversion
	}
	return fmt.Sprintf(`the %s of %s is %d now: somebody changed it; look at it with "get -s %s" before "-v %d"`, name, h.path, version, quoted(h.path), version)
}

func (h *hinter) invalidACL() string {
	infos, err := h.s.WhoAmI(h.ctx)
	who := ""
	if err == nil {
		var names []string
		for _, i := range infos {
			names = append(names, i.Scheme)
		}
		who = "; this session has " + strings.Join(names, ", ")
	}
	return `"auth::PERMS" needs an identity of the session (addauth first), digest a user:HASH, ip an address, and the server must know the scheme` + who
}

// quota finds the quota above the path.
func (h *hinter) quota() string {
	abs, chroot := h.s, h.s.Chroot()
	full := h.path
	if chroot != "" {
		abs, full = h.s.Absolute(), chroot+h.path
	}
	for path := full; path != "" && path != "/"; path = protocol.Parent(path) {
		if _, err := abs.Exists(h.ctx, protocol.Join(quotaPath(path), quotaLimits), false); err == nil {
			shown := path
			if rest, ok := strings.CutPrefix(path, chroot); ok && rest != "" {
				shown = rest
			}
			return fmt.Sprintf(`the quota is that of %s: "listquota %s" shows it, "setquota -N COUNT %[2]s" or "setquota -B BYTES %[2]s" changes it`, shown, quoted(shown))
		}
	}
	return ""
}
