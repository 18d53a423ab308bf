package election

// Silent says that this server has left its leader, Sid, since nothing was heard
// of it for as long as it may say nothing. It follows the Look that begins the
// election, which does not wait for a better vote of that server until it is
// heard again: its connections may stand, as those of a process that is stopped
// or of a machine that hangs do, so that Unreachable never comes.
type Silent struct{ Sid int64 }

func (Silent) event() {}

func (e *Election) silent(now int64, ev Silent) {
	e.down[ev.Sid] = true
	e.settle(now)
}
