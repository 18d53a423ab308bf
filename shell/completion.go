package shell

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"zookit/shell/command"
	"zookit/shell/complete"
	"zookit/shell/line"
)

// completeWord is the hidden first argument by which the completion scripts
// ask: behind it stand the words of the command line up to the cursor, the last
// one as far as it is typed. With completeBash it is COMP_WORDBREAKS and the
// line itself, since bash does not tell the words of a line without their
// quotation marks.
const (
	completeWord = "__complete"
	completeBash = "__complete-bash"
)

// completion answers a completion script: a line a candidate, the whole word,
// a tab and what it means. Whatever goes wrong is no candidate.
func completion(ctx context.Context, env Env, words []string) int {
	if len(words) == 0 {
		return command.ExitOK
	}
	ctx, cancel := context.WithTimeout(ctx, env.CompletionPatience)
	defer cancel()
	given, typed := words[:len(words)-1], words[len(words)-1]
	var b strings.Builder
	for _, w := range candidates(ctx, env, given, typed) {
		fmt.Fprintf(&b, "%s\t%s\n", w.Text, w.Summary)
	}
	_, _ = io.WriteString(env.Stdout, b.String())
	return command.ExitOK
}

func candidates(ctx context.Context, env Env, given []string, typed string) []complete.Word {
	last := ""
	if len(given) > 0 {
		last = given[len(given)-1]
	}
	o, known, err := withProfiles(env, given)
	if err != nil { // an option that lacks its value
		return complete.Alike(optionValues(env, last, typed), typed)
	}
	if len(o.command) == 0 {
		if strings.HasPrefix(typed, "-") {
			return complete.Alike(optionNames(), typed)
		}
		var words []complete.Word
		if o.profile == "" && !o.serversGiven {
			words = profileWords(known)
		}
		for _, c := range command.Table(o.compat) {
			words = append(words, complete.Word{Text: c.Name, Summary: c.Summary})
		}
		return complete.Alike(words, typed)
	}
	return argumentWords(ctx, env, o, known, typed)
}

// argumentWords completes a word behind a command, as the prompt would.
func argumentWords(ctx context.Context, env Env, o *options, known *profiles, typed string) []complete.Word {
	var text strings.Builder
	for _, w := range o.command {
		quoted, ok := line.Quote(w)
		if !ok {
			return nil
		}
		text.WriteString(quoted + " ")
	}
	quote := ""
	if strings.ContainsAny(typed, " \t;|>") { // one word all the same
		quote = `"`
	}
	text.WriteString(quote + typed)
	sh := command.New(o.compat, console(Env{Stdout: io.Discard, Stderr: io.Discard, Getenv: env.Getenv}, o), nil, o.servers)
	if first, err := known.begin(); err == nil {
		o.connectTimeout, o.connectTimeoutGiven = env.CompletionPatience, true
		sh = command.NewFor(o.compat, sh.Out, known.dialer(nil), first)
		sh.Profiles, sh.ProfileNames, sh.OpenSource = known.find, known.names, env.OpenSource
	}
	defer sh.Close(false)
	asked := &asking{ctx: ctx, sh: sh}
	var words []complete.Word
	for _, s := range complete.Complete(completionTable(o.compat), text.String(), text.Len(), located{asked, sh}) {
		full := s.Text
		if s.Close != "" {
			full = strings.TrimPrefix(full, s.Close)
		}
		words = append(words, complete.Word{Text: full, Summary: s.Summary})
	}
	return words
}

// asking is a lookup that waits for the answer: the system's shell waits, too.
type asking struct {
	ctx context.Context
	sh  *command.Shell
}

// Children implements complete.Lookup.
func (a *asking) Children(parent string) ([]string, bool) {
	if err := a.sh.Connect(a.ctx); err != nil {
		return nil, false
	}
	names, err := childrenOf(a.sh)(a.ctx, parent)
	slices.Sort(names)
	return names, err == nil
}

// Listed is what servers tell of a kind.
func (a *asking) Listed(kind complete.Kind) ([]complete.Word, bool) {
	if err := a.sh.Connect(a.ctx); err != nil {
		return nil, false
	}
	lines, err := fetch(a.sh)(a.ctx, complete.Question{Kind: kind})
	words := make([]complete.Word, len(lines))
	for i, l := range lines {
		words[i].Text, words[i].Summary, _ = strings.Cut(l, "\t")
	}
	return words, err == nil
}

func optionNames() []complete.Word {
	words := make([]complete.Word, len(optionHelp))
	for i, o := range optionHelp {
		words[i] = complete.Word{Text: o.name, Summary: o.text}
	}
	return words
}

// optionValues completes the value of the option before the cursor.
func optionValues(env Env, option, typed string) []complete.Word {
	var words []complete.Word
	for _, o := range optionHelp {
		switch {
		case o.name != option:
		case option == "-profile":
			words = profileWords(&profiles{env: env, o: &options{}})
		case o.value == "FILE":
			words = files(typed)
		case strings.Contains(o.value, "|"):
			for _, v := range strings.Split(o.value, "|") {
				words = append(words, complete.Word{Text: v})
			}
		}
	}
	return words
}

func profileWords(known *profiles) []complete.Word {
	var words []complete.Word
	for _, name := range known.names() {
		if p, err := known.find(name); err == nil && p != nil {
			words = append(words, complete.Word{Text: name, Summary: "profile: " + p.Servers})
		}
	}
	return words
}
