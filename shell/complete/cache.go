package complete

import (
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// lifetime is how long an answer is used without asking again. An older one is still shown while the new
	// question runs.
	lifetime = 5 * time.Second
	// errorPause is how long a parent whose question failed is left alone.
	errorPause = 2 * time.Second
	// maxParents bounds the parents remembered, maxNames the names over all of them.
	maxParents = 256
	maxNames   = 1 << 20
	// maxQuestions bounds the questions that run at the same time.
	maxQuestions = 4
)

// Question asks for the children of Parent (Kind is Path), or for the words of a kind that servers have to be asked
// for. It is handed to the asker of a Cache and back to Answer.
type Question struct {
	Kind   Kind
	Parent string
	era    int
}

// key is a question without its era.
func (q Question) key() Question { return Question{Kind: q.Kind, Parent: q.Parent} }

// Cache is a Lookup that remembers answers for a few seconds and asks for what it does not know. It holds no
// goroutine and no clock: both are given to it. It is safe for concurrent use.
type Cache struct {
	ask func(Question)   // starts a question; must not block
	now func() time.Time //

	mu      sync.Mutex
	era     int                  // grows with every Reset; answers of an older era are dropped
	parents map[Question]*answer // by their keys
	names   int                  // over all parents
	running int
}

// answer is what is known of one parent.
type answer struct {
	names  []string
	known  bool      // names were answered at least once
	asking bool      // a question runs
	until  time.Time // no question before this
	used   time.Time
}

// NewCache returns an empty cache. ask starts a question and returns at once; its result is handed to Answer.
func NewCache(ask func(Question), now func() time.Time) *Cache {
	return &Cache{ask: ask, now: now, parents: make(map[Question]*answer)}
}

// Children implements Lookup.
func (c *Cache) Children(parent string) ([]string, bool) {
	return c.look(Question{Kind: Path, Parent: parent})
}

// Listed is what was answered to the question for the words of a kind, and whether anything was.
func (c *Cache) Listed(kind Kind) ([]Word, bool) {
	lines, known := c.look(Question{Kind: kind})
	words := make([]Word, len(lines))
	for i, l := range lines {
		words[i].Text, words[i].Summary, _ = strings.Cut(l, "\t")
	}
	return words, known
}

// look answers from memory and asks when that is old.
func (c *Cache) look(q Question) ([]string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	a := c.parents[q]
	if a == nil {
		if c.running >= maxQuestions {
			return nil, false
		}
		c.forget()
		a = &answer{}
		c.parents[q] = a
	}
	a.used = now
	if !a.asking && now.After(a.until) && c.running < maxQuestions {
		a.asking = true
		c.running++
		q.era = c.era
		c.ask(q)
	}
	return a.names, a.known
}

// Answer takes the result of a question: names, or for other kinds than Path lines of a word, a tab and what it means.
// It sorts them in place and keeps them. It returns true when what Children or Listed says has changed.
func (c *Cache) Answer(q Question, names []string, err error) (changed bool) {
	slices.Sort(names)
	c.mu.Lock()
	defer c.mu.Unlock()
	if q.era != c.era {
		return false
	}
	c.running--
	a := c.parents[q.key()]
	if a == nil {
		return false
	}
	a.asking = false
	if err != nil {
		// The parent may be gone or forbidden, or the server away: what was known is no longer true enough.
		changed = a.known
		c.names -= len(a.names)
		a.names, a.known, a.until = nil, false, c.now().Add(errorPause)
		return changed
	}
	changed = !a.known || !slices.Equal(a.names, names)
	c.names += len(names) - len(a.names)
	a.names, a.known, a.until = names, true, c.now().Add(lifetime)
	return changed
}

// Reset forgets everything, and the answers to questions that still run.
func (c *Cache) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.era++
	c.parents = make(map[Question]*answer)
	c.names, c.running = 0, 0
}

// forget makes room for one more parent: the longest unused go first. The caller holds mu.
func (c *Cache) forget() {
	for len(c.parents) >= maxParents || c.names > maxNames && len(c.parents) > 0 {
		var oldest Question
		for key, a := range c.parents {
			if a.asking {
				continue
			}
			if o := c.parents[oldest]; o == nil || a.used.Before(o.used) || a.used.Equal(o.used) && key.Parent < oldest.Parent {
				oldest = key
			}
		}
		if c.parents[oldest] == nil {
			return
		}
		c.names -= len(c.parents[oldest].names)
		delete(c.parents, oldest)
	}
}
