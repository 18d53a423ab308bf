package server

import (
	"zookit/server/admin"
)

// warnOfQuarantine logs at the start what keeps this member from serving.
func (s *Server) warnOfQuarantine() {
	q := s.store.Quarantined()
	if q == nil {
		return
	}
	if q.Aside == "" {
		s.log.Warn("this server joins without a vote until it has the history", "why", q.Why)
		return
	}
	s.log.Error("in quarantine: this server serves nothing and has no vote until a leader has given it a snapshot; what is on its disk is set aside then, and never deleted",
		"why", q.Why, "setAside", q.Aside)
}

// quarantineStatus is nil unless this member is in quarantine.
func (s *Server) quarantineStatus() *admin.Quarantine {
	m := s.members.Load()
	if m == nil {
		return nil
	}
	q := m.role.Load().Quarantine
	if q == nil {
		return nil
	}
	return &admin.Quarantine{Why: q.Why, Awaits: q.Awaits}
}
