package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"zookit/protocol"
)

// While the connection breaks again and again, what a request is told must be
// true: a success is there, and what was not sent is not.
func TestOutcomes(t *testing.T) { onEach(t, testOutcomes) }

func testOutcomes(t *testing.T, srv live) {
	gate := newGate(t, srv.addr())
	s := open(t, Options{Servers: gate.addr()})
	mustCreate(t, s, "/n")

	const workers, each = 8, 60
	var mu sync.Mutex
	outcome := map[string]error{}
	var wg sync.WaitGroup
	answers := make(chan struct{}, workers*each)
	breaking := make(chan struct{})
	go func() {
		defer close(breaking)
		n := 0
		for range answers {
			if n++; n%5 == 0 {
				gate.shut()
				gate.open()
			}
		}
	}()
	for w := range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range each {
				name := fmt.Sprintf("%d-%d", w, i)
				_, _, err := s.Create(context.Background(), "/n/"+name, nil, protocol.OpenACL, protocol.FlagPersistent, 0)
				mu.Lock()
				outcome[name] = err
				mu.Unlock()
				answers <- struct{}{}
			}
		}()
	}
	wg.Wait()
	close(answers)
	<-breaking
	names, _, err := s.Children(bounded(t), "/n", false)
	for isLoss(err, true) { // the last break may not have been noticed yet
		names, _, err = s.Children(bounded(t), "/n", false)
	}
	if err != nil {
		t.Fatal(err)
	}
	var unknown int
	for name, err := range outcome {
		there := slices.Contains(names, name)
		var loss *ConnectionLossError
		switch {
		case err == nil && !there:
			t.Errorf("%s was created but is missing", name)
		case errors.As(err, &loss) && loss.Sent:
			unknown++
		case errors.As(err, &loss) && there:
			t.Errorf("%s is there although nothing was sent: %v", name, err)
		case err != nil && loss == nil:
			t.Errorf("%s: %v", name, err)
		}
	}
	if unknown == 0 {
		t.Error("the connection never broke under a request: the test shows nothing")
	}
	t.Logf("%d of %d outcomes unknown", unknown, len(outcome))
}
