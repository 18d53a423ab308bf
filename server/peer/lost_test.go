package peer_test

import (
	"testing"

	"zookit/server/election"
)

// A message that went into a connection whose other end was gone is not waited
// for. The smaller id, which does not dial as a rule, asks to be called again, and
// the message is repeated.
func TestLostMessage(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, 2)
	m := e.connections(1)
	r := dialRaw(t, e.listeners[1], greeting(2, "127.0.0.1:1"))
	awaitReached(t, m, 2)
	m.Send(message(2, 1))
	if got := r.round(); got != 1 {
		t.Fatalf("got round %d", got)
	}
	_ = r.Close()
	again := acceptRaw(t, e.listeners[2])
	again.hello()
	again.closed("the connection of the smaller id")
	r = dialRaw(t, e.listeners[1], greeting(2, "127.0.0.1:1"))
	awaitReached(t, m, 2)
	if got := r.round(); got != 1 {
		t.Fatalf("got round %d", got)
	}
}

// A server whose end takes the message with it is found to be unreachable.
func TestEndedWithMessage(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, 2)
	m := e.connections(1)
	r := dialRaw(t, e.listeners[1], greeting(2, "127.0.0.1:1"))
	awaitReached(t, m, 2)
	m.Send(message(2, 1))
	if got := r.round(); got != 1 {
		t.Fatalf("got round %d", got)
	}
	_ = e.listeners[2].Close()
	_ = r.Close()
	if ev := event(t, m); ev != (election.Unreachable{Sid: 2}) {
		t.Errorf("got %+v", ev)
	}
}
