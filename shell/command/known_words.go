package command

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"zookit/protocol"
)

// SessionWords are the sessions of the ensemble that its servers tell of, for
// completion: the number and whose it is. Nothing is printed and no session is
// opened; where no server tells they are those of this shell.
func (s *Shell) SessionWords(ctx context.Context) ([]Word, error) {
	e, err := s.unheard(ctx)
	if err != nil {
		return nil, err
	}
	meaning := map[protocol.SessionID]string{}
	if d, _ := e.dump(ctx); d != nil {
		for _, id := range d.Sessions {
			meaning[id] = "not connected"
		}
		for id, paths := range d.Ephemerals {
			meaning[id] = count(len(paths), "ephemeral")
		}
	}
	conns, _, _ := e.connections(ctx)
	for _, k := range conns {
		text := "client " + k.Client
		if n := meaning[k.Session]; n != "" && n != "not connected" {
			text += ", " + n
		}
		meaning[k.Session] = text
	}
	for _, c := range s.Connections() {
		if c.Session == "" {
			continue
		}
		if id, err := strconv.ParseUint(c.Session[2:], 16, 64); err == nil {
			meaning[protocol.SessionID(id)] = "this shell's on " + c.Name
		}
	}
	var words []Word
	for _, id := range slices.Sorted(maps.Keys(meaning)) {
		words = append(words, Word{id.String(), meaning[id]})
	}
	return words, nil
}

// ServerWords are the servers of the ensemble, for completion.
func (s *Shell) ServerWords(ctx context.Context) ([]Word, error) {
	e, err := s.unheard(ctx)
	if err != nil {
		return nil, err
	}
	var words []Word
	for _, m := range e.Members {
		w := Word{Text: m.Addr}
		switch {
		case m.ID >= 0 && m.Observer:
			w.Help = fmt.Sprintf("server %d, an observer", m.ID)
		case m.ID >= 0:
			w.Help = fmt.Sprintf("server %d", m.ID)
		}
		words = append(words, w)
	}
	return words, nil
}

// ChangeWords are the changes on these servers that undo can take back, the
// last first.
func (s *Shell) ChangeWords() []Word {
	if s.Journal == nil {
		return nil
	}
	changes, err := s.Journal.List()
	if err != nil {
		return nil
	}
	var words []Word
	here := ensembleOf(s.Profile().Servers)
	for _, h := range changes {
		if h.Servers == here {
			words = append(words, Word{strconv.Itoa(h.Number), h.Line})
		}
	}
	return words
}

// TopicWords are the topics of help.
func TopicWords() []Word {
	words := []Word{{"topics", "list the topics"}}
	for _, t := range topics {
		words = append(words, Word{t.name, t.summary})
	}
	return words
}

// unheard is the ensemble for a question that nobody sees.
func (s *Shell) unheard(ctx context.Context) (*ensemble, error) {
	if s.Current() == nil {
		return nil, errNotConnected
	}
	c := &Context{Context: ctx, Shell: s, Compat: s.Compat, Command: sessions, flags: map[string]string{}, unheard: true}
	return c.ensemble()
}
