package session

import (
	"errors"
	"testing"

	"zookit/protocol"
	"zookit/server"
	"zookit/server/config"
	"zookit/server/zktest"
)

// The session of a server without a quorum reads; when the server finds one it
// ends, and a new one writes.
func TestReadOnlyServer(t *testing.T) {
	t.Parallel()
	e := zktest.NewEnsemble(t, 3, func(_ int64, cfg *config.Config) []server.Option {
		cfg.ReadOnlyMode = true
		return nil
	})
	e.Start(1)
	e.Until("the server to be read-only", func() bool { return e.Server(1).Server().Status().ReadOnly })
	rec := newRecorder()
	s := open(t, Options{Servers: e.Server(1).Addr(), ReadOnly: true, OnEvent: rec.add})
	if s.State() != StateReadOnly {
		t.Error(s.State())
	}
	first := s.SessionID()
	if _, _, err := s.Get(bounded(t), "/zookeeper/config", true); err != nil {
		t.Error(err)
	}
	if _, _, err := s.Create(bounded(t), "/a", nil, protocol.OpenACL, 0, 0); !errors.Is(err, protocol.NotReadOnly) {
		t.Error(err)
	}
	e.Start(2)
	rec.await(t, "ConnectedReadOnly", "Disconnected", "SyncConnected")
	if s.State() != StateConnected || s.SessionID() == first {
		t.Errorf("%v, session %v after %v", s.State(), s.SessionID(), first)
	}
	if _, _, err := s.Create(bounded(t), "/a", nil, protocol.OpenACL, 0, 0); err != nil {
		t.Error(err)
	}
}
