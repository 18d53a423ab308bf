package command

import (
	"context"
	"fmt"
	"sync"
	"time"

	"zookit/shell/probe"
)

var top = &Command{
	Name:  "top",
	In:    Own,
	Usage: Usage{R38: "[-d seconds] [-admin port]"},
	Flags: []Flag{
		{Name: "d", Arg: "seconds", Help: "between two looks (default 2)", In: Own},
		adminFlag,
	},
	Summary: "show servers and their clients live, on the whole screen",
	Help: "Keys: Tab changes between servers and clients, ← → choose the column to sort by, r turns the order round, ↑ ↓ PgUp PgDn scroll,\n" +
		"+ and - look less and more often, space pauses, q leaves. The rates are of the time between two looks. The clients are known\n" +
		"where cons is allowed or the AdminServer answers.",
	Example: []string{"top", "top -d 5"},
	Unpaged: true,
	Run:     runTop,
}

// ScreenRow is a row of a full screen; see Shell.FullScreen.
type ScreenRow struct {
	Text       string // visible characters
	Bold, Mark bool
}

// FullScreen runs a program on the whole window until key says true or ctx
// ends; draw is called after each key, each value of changed, and when the
// window has another size.
type FullScreen func(ctx context.Context, changed <-chan struct{}, draw func(cols, rows int) []ScreenRow, key func(string) bool) error

const (
	defaultLook = 2 * time.Second
	leastLook   = time.Second
	mostLook    = time.Minute
)

func runTop(c *Context) error {
	if len(c.Args) > 0 {
		return errUsage
	}
	seconds, err := c.number("d", int(defaultLook/time.Second), 1, int(mostLook/time.Second))
	if err != nil {
		return err
	}
	if c.Shell.FullScreen == nil {
		return &Failure{Text: "top: it needs a terminal; \"status\" and \"sessions\" print the same once"}
	}
	e, err := c.ensemble()
	if err != nil {
		return err
	}
	v := &topView{interval: time.Duration(seconds) * time.Second}
	changed, wake := make(chan struct{}, 1), make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(c)
	var looking sync.WaitGroup
	defer looking.Wait()
	defer cancel()
	looking.Go(func() {
		for {
			l := e.topLook(ctx)
			if ctx.Err() != nil {
				return
			}
			v.update(l)
			notify(changed)
			select {
			case <-ctx.Done():
				return
			case <-wake:
			case <-time.After(v.pause()):
			}
		}
	})
	err = c.Shell.FullScreen(c, changed, v.draw, func(key string) bool {
		done, now := v.key(key)
		if now {
			notify(wake)
		}
		return done
	})
	if c.Err() != nil {
		return nil
	}
	return err
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// topLook is the ensemble at one moment.
type topLook struct {
	at      time.Time
	servers []*StatusRecord
	conns   []probe.Conn
	unheard []*probe.UnheardError
	oddity  []string // what disagrees
}

func (e *ensemble) topLook(ctx context.Context) *topLook {
	l := &topLook{}
	var conns sync.WaitGroup
	conns.Go(func() { l.conns, _, l.unheard = e.connections(ctx) })
	l.servers = e.standing(ctx)
	conns.Wait()
	l.at = time.Now()
	l.oddity = disagreements(l.servers, e.Config)
	return l
}

// rate is a number a second.
func rate(now, before int64, d time.Duration) float64 {
	if d <= 0 || now < before { // srst set it back
		return 0
	}
	return float64(now-before) / d.Seconds()
}

func perSecond(r float64) string {
	if r > 0 && r < 10 {
		return fmt.Sprintf("%.1f", r)
	}
	return fmt.Sprintf("%.0f", r)
}
