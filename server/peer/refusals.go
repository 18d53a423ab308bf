package peer

import (
	"log/slog"
	"net"
	"sync"
	"time"
)

const (
	// refusalPause is how long a host's further refusals are only counted.
	refusalPause = time.Minute
	// maxRefusers bounds the hosts remembered.
	maxRefusers = 256
)

// refusals logs what others cause, one line a minute for each host and
// message, so that nobody fills the disk from outside.
type refusals struct {
	log   *slog.Logger
	mu    sync.Mutex
	hosts map[string]*refuser
}

type refuser struct {
	until   time.Time
	skipped int // since the last line
}

func newRefusals(log *slog.Logger) *refusals {
	return &refusals{log: log, hosts: map[string]*refuser{}}
}

// say warns with what a connection, or a try at one, has come to; about is its
// host:port.
func (r *refusals) say(about, message string, args ...any) {
	host, _, err := net.SplitHostPort(about)
	if err != nil {
		host = about
	}
	r.once(host+" "+message, about, message, args...)
}

// once warns unless the same key was warned of less than refusalPause ago.
func (r *refusals) once(key, about, message string, args ...any) {
	now := time.Now()
	r.mu.Lock()
	h := r.hosts[key]
	if h == nil {
		if len(r.hosts) == maxRefusers {
			clear(r.hosts)
		}
		h = &refuser{}
		r.hosts[key] = h
	}
	if now.Before(h.until) {
		h.skipped++
		r.mu.Unlock()
		return
	}
	skipped := h.skipped
	*h = refuser{until: now.Add(refusalPause)}
	r.mu.Unlock()
	args = append(args, "remote", about)
	if skipped > 0 {
		args = append(args, "notLogged", skipped)
	}
	r.log.Warn(message, args...)
}
