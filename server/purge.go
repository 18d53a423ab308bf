package server

import "time"

// startPurge removes old snapshots and logs at the start and then at the
// configured interval (autopurge.purgeInterval), as Apache's
// DatadirCleanupManager does.
func (s *Server) startPurge() {
	every := time.Duration(s.cfg.PurgeIntervalMs) * time.Millisecond
	if every <= 0 {
		return
	}
	s.background.Go(func() {
		t := time.NewTicker(every)
		defer t.Stop()
		for {
			if err := s.store.Purge(s.cfg.SnapRetainCount); err != nil {
				s.log.Warn("purge", "error", err)
			}
			select {
			case <-t.C:
			case <-s.quit:
				return
			case <-s.done:
				return
			}
		}
	})
}
