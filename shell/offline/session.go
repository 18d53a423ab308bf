// Package offline is a session over znodes that lie in files: the data of a
// stopped server, one of its snapshots, or an export. What reads works as with a
// server; what writes, or waits for a change, is refused in one sentence. ACLs
// are shown and not enforced: whoever may read the file may read it all.
//
// It knows no file formats of servers: the program that joins it with a server's
// storage gives an Opener.
package offline

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"zookit/protocol"
	"zookit/protocol/txn"
	"zookit/shell/command"
	"zookit/shell/export"
	"zookit/shell/session"
)

// Data is znodes at rest. Everything but Txns and Base is asked after Load has
// returned nil. Results are not to be changed.
type Data interface {
	// Load reads the state, once; it may take long.
	Load() error
	// Notes are warnings about what was loaded.
	Notes() []string
	// Znode is a znode's data (nil for null), ACL, Stat and stored owner.
	Znode(path string) (data []byte, acl []protocol.ACL, st protocol.Stat, owner protocol.SessionID, ok bool)
	Children(path string) ([]string, bool)
	Descendants(path string) int
	Ephemerals() []string // all of them, in any order
	Root() string         // the path below which everything lies

	// Txns goes through the txn logs, the oldest first; the txn is borrowed.
	Txns(f func(*txn.Txn) error) (notes []string, err error)
	// Base goes through the oldest snapshot, the root's path being "", and
	// returns the zxid in its name, −1 when there is none. Path and data are
	// borrowed.
	Base(f func(path string, data []byte, owner protocol.SessionID, st *protocol.StatPersisted)) (protocol.Zxid, error)
}

// Opener finds the data of a server by a name of its directory or snapshot.
type Opener func(name string) (Data, error)

// Open is a session over what name means: an export, or what open makes of it.
// warn is told, in a sentence, what is odd about the data; it may be nil.
func Open(name string, open Opener, warn func(string)) (command.Session, error) {
	isExport, err := looksLikeExport(name)
	if err != nil {
		return nil, refuse(name, err)
	}
	var d Data
	if isExport {
		d = &file{name: name}
	} else if d, err = open(name); err != nil {
		return nil, refuse(name, err)
	}
	return &Session{name: name, data: d, warn: warn, loaded: make(chan struct{})}, nil
}

// Session answers from data. It loads them with the first question.
type Session struct {
	name   string
	data   Data
	warn   func(string)
	once   onceFlag
	loaded chan struct{} // closed when Load has returned
	err    error         // of Load
}

// ready waits until the data are loaded, or ctx ends.
func (s *Session) ready(ctx context.Context) error {
	if s.once.first() {
		go func() {
			if s.err = s.data.Load(); s.err == nil && s.warn != nil {
				for _, note := range s.data.Notes() {
					s.warn(note)
				}
			}
			close(s.loaded)
		}()
	}
	select {
	case <-s.loaded:
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.err != nil {
		return refuse(s.name, s.err)
	}
	return nil
}

// refuse puts data that cannot be used into one sentence.
func refuse(name string, err error) error {
	return &command.Failure{Text: "file:" + name + ": " + strings.TrimPrefix(err.Error(), name+": "), Err: err}
}

// znode is a znode that must be there.
func (s *Session) znode(ctx context.Context, op protocol.OpCode, path string, watch bool) (data []byte, acl []protocol.ACL, st *protocol.Stat, err error) {
	if err := protocol.ValidatePath(path); err != nil {
		return nil, nil, nil, err
	}
	if watch {
		return nil, nil, nil, s.unwatched()
	}
	if err := s.ready(ctx); err != nil {
		return nil, nil, nil, err
	}
	data, acl, found, _, ok := s.data.Znode(path)
	if !ok {
		return nil, nil, nil, &session.OpError{Op: op, Path: path, Code: protocol.NoNode}
	}
	return data, acl, &found, nil
}

func (s *Session) Exists(ctx context.Context, path string, watch bool) (*protocol.Stat, error) {
	_, _, st, err := s.znode(ctx, protocol.OpExists, path, watch)
	return st, err
}

func (s *Session) Get(ctx context.Context, path string, watch bool) ([]byte, *protocol.Stat, error) {
	data, _, st, err := s.znode(ctx, protocol.OpGetData, path, watch)
	return slices.Clone(data), st, err
}

func (s *Session) GetACL(ctx context.Context, path string) ([]protocol.ACL, *protocol.Stat, error) {
	_, acl, st, err := s.znode(ctx, protocol.OpGetACL, path, false)
	return slices.Clone(acl), st, err
}

func (s *Session) Children(ctx context.Context, path string, watch bool) ([]string, *protocol.Stat, error) {
	_, _, st, err := s.znode(ctx, protocol.OpGetChildren2, path, watch)
	if err != nil {
		return nil, nil, err
	}
	names, _ := s.data.Children(path)
	return names, st, nil
}

// GetEphemerals lists those of all sessions: the data have no session of their
// own.
func (s *Session) GetEphemerals(ctx context.Context, prefix string) ([]string, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	paths := slices.DeleteFunc(s.data.Ephemerals(), func(p string) bool { return !strings.HasPrefix(p, prefix) })
	slices.Sort(paths)
	return paths, nil
}

func (s *Session) GetAllChildrenNumber(ctx context.Context, path string) (int, error) {
	if _, _, _, err := s.znode(ctx, protocol.OpGetAllChildrenNumber, path, false); err != nil {
		return 0, err
	}
	return s.data.Descendants(path), nil
}

func (s *Session) Config(ctx context.Context, watch bool) ([]byte, *protocol.Stat, error) {
	return s.Get(ctx, "/zookeeper/config", watch)
}

// Root is the path below which the data lie.
func (s *Session) Root(ctx context.Context) (string, error) {
	if err := s.ready(ctx); err != nil {
		return "", err
	}
	return s.data.Root(), nil
}

// Owner is the stored owner of a znode.
func (s *Session) Owner(ctx context.Context, path string) (protocol.SessionID, error) {
	if err := s.ready(ctx); err != nil {
		return 0, err
	}
	_, _, _, owner, _ := s.data.Znode(path)
	return owner, nil
}

// Sync has nothing to wait for.
func (s *Session) Sync(context.Context, string) error { return nil }

// AddAuth is not needed, and not in the way of scripts that begin with it.
func (s *Session) AddAuth(context.Context, string, []byte) error { return nil }

// WhoAmI is nobody.
func (s *Session) WhoAmI(context.Context) ([]protocol.ClientInfo, error) { return nil, nil }

func (s *Session) Chroot() string                { return "" }
func (s *Session) Absolute() command.Session     { return s }
func (s *Session) State() session.State          { return session.StateReadOnly }
func (s *Session) SessionID() protocol.SessionID { return 0 }
func (s *Session) Settle(context.Context)        {}
func (s *Session) Server() string                { return "" }
func (s *Session) Close(context.Context) error   { return nil }

func (s *Session) unwritten() error {
	return &command.Failure{Text: fmt.Sprintf("file:%s holds data at rest, which are only read: connect to a server to change anything", s.name)}
}

func (s *Session) unwatched() error {
	return &command.Failure{Text: fmt.Sprintf("file:%s holds data at rest, where nothing changes that could be watched", s.name)}
}

func (s *Session) Create(context.Context, string, []byte, []protocol.ACL, protocol.CreateFlag, int64) (string, *protocol.Stat, error) {
	return "", nil, s.unwritten()
}
func (s *Session) Delete(context.Context, string, int32) error { return s.unwritten() }
func (s *Session) Set(context.Context, string, []byte, int32) (*protocol.Stat, error) {
	return nil, s.unwritten()
}
func (s *Session) SetACL(context.Context, string, []protocol.ACL, int32) (*protocol.Stat, error) {
	return nil, s.unwritten()
}
func (s *Session) Multi(context.Context, []protocol.MultiOp) ([]protocol.MultiResult, error) {
	return nil, s.unwritten()
}
func (s *Session) Reconfig(context.Context, *protocol.ReconfigRequest) ([]byte, *protocol.Stat, error) {
	return nil, nil, s.unwritten()
}
func (s *Session) AddWatch(context.Context, string, bool) error { return s.unwatched() }
func (s *Session) RemoveWatches(context.Context, string, protocol.WatcherType, bool) error {
	return s.unwatched()
}

// kindOwner is the stored owner that stands for the kind of an exported znode.
func kindOwner(e *export.Entry) protocol.SessionID {
	switch e.Kind {
	case export.Container:
		return protocol.ContainerOwner
	case export.TTL:
		return protocol.OwnerOfTTL(e.TTLMs)
	}
	return e.Owner
}

var _ command.AtRest = (*Session)(nil)
