package server

import (
	"log/slog"
	"time"

	"zookit/server/config"
	"zookit/server/vfs"
)

// Config is the configuration of a server; see package config for its fields.
type Config = config.Config

// Option changes how a Server is built.
type Option func(*settings)

type settings struct {
	fs    vfs.FS
	log   *slog.Logger
	words []string
	built time.Time

	maxCounter uint32 // of a zxid, for tests
}

// WithFS keeps the data in fs instead of the operating system's files.
func WithFS(fs vfs.FS) Option { return func(s *settings) { s.fs = fs } }

// InMemory keeps the data in memory: it is gone with the process.
func InMemory() Option { return WithFS(vfs.NewMem()) }

// WithLogger sends the server's log to l; without it nothing is logged.
func WithLogger(l *slog.Logger) Option { return func(s *settings) { s.log = l } }

// WithFourLetterWords allows these words instead of the configuration's; "*"
// allows all.
func WithFourLetterWords(words ...string) Option {
	return func(s *settings) { s.words = words }
}

// WithBuildTime sets the date in the version line of srvr, which is that of the
// program otherwise.
func WithBuildTime(t time.Time) Option { return func(s *settings) { s.built = t } }
