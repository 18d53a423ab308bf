package server

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"zookit/protocol"
	"zookit/server/acl"
	"zookit/server/admin"
	"zookit/server/cnxn"
	"zookit/server/peer"
	"zookit/server/replica"
	"zookit/server/storage"
	"zookit/server/tree"
	"zookit/server/vfs"
)

// Whom a server serves.
const (
	closed        int32 = iota // nobody: before recovery, without a leader, at its end
	openToReaders              // those alone who only read
	openToAll
)

// Server is one ZooKeeper server, alone or of an ensemble. Its methods may be called from any
// goroutine.
type Server struct {
	cfg   Config
	opt   settings
	log   *slog.Logger
	rules *acl.Rules
	words admin.Words

	started   time.Time
	open      atomic.Int32 // to whom: one of the constants below
	traceMask atomic.Int64
	members   atomic.Pointer[members] // of one of several servers, once it is started

	rep   *replica.Replica
	store *storage.Store
	conns *cnxn.Server
	pipe  *pipeline
	addr  atomic.Pointer[address]
	guard *peer.Security // of the ports between servers; nil: none

	secure     *cnxn.Secure // clients under TLS; nil: none
	secureAddr net.Addr

	background sync.WaitGroup // purge
	quit       chan struct{}  // closed by Close, at once
	quitting   sync.Once
	done       chan struct{}

	mu    sync.Mutex // Start and Close, one at a time
	state lifecycle

	end     sync.Mutex // guards err, stopped and the closing of done
	err     error
	stopped bool
}

type lifecycle int

const (
	created lifecycle = iota
	running
	ended
)

// New checks the configuration and prepares a server; Start runs it. The
// configuration is copied.
func New(cfg *Config, opts ...Option) (*Server, error) {
	s := &Server{cfg: *cfg, started: time.Now(), quit: make(chan struct{}), done: make(chan struct{})}
	s.opt = settings{fs: vfs.OS(), log: slog.New(slog.DiscardHandler), words: cfg.FourLetterWhitelist}
	for _, o := range opts {
		o(&s.opt)
	}
	if s.opt.built.IsZero() {
		s.opt.built = builtAt()
	}
	s.log = s.opt.log
	if s.cfg.DataDir == "" {
		return nil, errors.New("no data directory: set dataDir, or use InMemory and any name")
	}
	if s.cfg.DataLogDir == "" {
		s.cfg.DataLogDir = s.cfg.DataDir
	}
	s.words = admin.Words{Source: (*source)(s), Allowed: s.opt.words}
	s.traceMask.Store(defaultTraceMask)
	rules, err := acl.New(acl.Options{
		SkipACL: cfg.SkipACL, SuperDigest: cfg.SuperDigest, DigestAlg: cfg.DigestAlg, DigestDisabled: !cfg.DigestAuth,
		X509: cfg.SecureClients.KnowsX509(), X509SuperUser: cfg.SecureClients.SuperUser,
	})
	if err != nil {
		return nil, err
	}
	s.rules = rules
	if s.secure, err = s.secureClients(); err != nil {
		return nil, err
	}
	rc := s.replicaConfig()
	if s.cfg.Distributed() {
		if rc.Ensemble, err = s.ensembleConfig(); err != nil {
			return nil, err
		}
		rc.ServerID = s.cfg.MyID
		if s.guard, err = s.peerSecurity(); err != nil {
			return nil, err
		}
	}
	s.rep, err = replica.New(rc)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// defaultTraceMask is ZooTrace.DEFAULT_TRACE_MASK of Apache 3.9. It is kept for
// gtmk and stmk; nothing is traced.
const defaultTraceMask = 306

func (s *Server) replicaConfig() replica.Config {
	c := &s.cfg
	return replica.Config{
		ServerID:                1, // Apache's standalone server takes 1
		TickMs:                  int32(c.TickMs),
		MinSessionTimeoutMs:     int32(c.MinSessionTimeoutMs),
		MaxSessionTimeoutMs:     int32(c.MaxSessionTimeoutMs),
		Tree:                    tree.Options{Extended: c.ExtendedTypes, Digest: c.Digest, HashKey: [2]uint64{rand.Uint64(), rand.Uint64()}},
		ACL:                     s.rules,
		EnforceQuota:            c.EnforceQuota,
		ReconfigEnabled:         c.Ensemble.ReconfigEnabled,
		CloseSessionTxn:         c.CloseSessionPath,
		MaxTxnBytes:             s.maxTxnBytes(),
		SnapCount:               c.SnapCount,
		SnapSizeKB:              c.SnapSizeKB,
		ContainerCheckMs:        c.ContainerCheckMs,
		ContainerMaxPerMinute:   int64(c.ContainerMaxPerMinute),
		ContainerMaxNeverUsedMs: c.ContainerNeverUsedMs,
		GlobalOutstandingLimit:  c.OutstandingLimit(),
		MaxBatchRecords:         min(c.MaxBatchSize, storage.MaxBatchRecords),
		MaxBatchBytes:           storage.MaxBatchBytes,
		Seed:                    rand.Uint64(),
	}
}

// maxTxnBytes is the longest record that Apache reads back from a log
// (BinaryInputArchive.checkLength, Apache 3.9).
func (s *Server) maxTxnBytes() int {
	return min(s.cfg.MaxBuffer, math.MaxInt32-s.cfg.MaxBufferExtra) + s.cfg.MaxBufferExtra
}

// Start binds the client port, recovers the data, and serves. When it returns
// without an error, clients are served; one of several servers is looking for a
// leader then, and serves when it has one. While it does not serve,
// four-letter words are answered and clients are sent away, as Apache does.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != created {
		return errors.New("a server is started once")
	}
	ln, secureLn, err := s.listenClients()
	if err != nil {
		return err
	}
	if ln != nil {
		s.addr.Store(&address{ln.Addr()})
	}
	if secureLn != nil {
		s.secureAddr = secureLn.Addr()
	}
	s.conns = cnxn.New(ln, (*backend)(s), cnxn.Config{
		MaxBuffer:        s.cfg.MaxBuffer,
		MaxPerIP:         s.cfg.MaxClientCnxns,
		MaxTotal:         s.cfg.MaxCnxns,
		ConnectWait:      time.Duration(s.cfg.SessionlessMs) * time.Millisecond,
		OutstandingLimit: s.cfg.OutstandingLimit(),
		RequireAuth:      s.requireAuth(),
		Throttle:         cnxn.Throttle(s.cfg.Throttle),
		LocalSessions:    s.cfg.Distributed() && s.cfg.Ensemble.LocalSessions,
		Logger:           s.log,
	})
	s.conns.Secure(secureLn, s.secure)
	s.conns.Serve()
	if err := s.recover(); err != nil {
		s.conns.Close()
		if s.store != nil {
			_ = s.store.Close()
		}
		s.state = ended
		return err
	}
	s.pipe = &pipeline{rep: s.rep, store: s.store, conns: s.conns, log: s.log, now: now, fail: s.fail}
	s.pipe.syncs.slowMs = s.cfg.FsyncWarningMs
	if s.cfg.Distributed() {
		if err := s.joinMembers(); err != nil {
			s.conns.Close()
			_ = s.store.Close()
			s.state = ended
			return err
		}
	}
	s.pipe.start()
	s.startPurge()
	s.state = running
	if s.pipe.members == nil {
		s.open.Store(openToAll)
		s.log.Info("serving clients", "address", s.Addresses(), "zxid", s.rep.State().Zxid())
	}
	return nil
}

func (s *Server) requireAuth() []string {
	if s.cfg.EnforceAuth {
		return s.cfg.EnforceAuthSchemes
	}
	return nil
}

// listen binds as Apache does: at the address, or at every interface.
func (s *Server) listen(host string, port int, name string) (*net.TCPListener, error) {
	ln, err := s.listenAt(host, port)
	if err != nil {
		return nil, fmt.Errorf("bind the %s: %w", name, err)
	}
	return ln, nil
}

func (s *Server) storageConfig() storage.Config {
	c := &s.cfg
	return storage.Config{
		FS: s.opt.fs, DataDir: c.DataDir, LogDir: c.DataLogDir,
		MaxRecordBytes:      s.maxTxnBytes(),
		PreAllocSizeKB:      int(c.PreAllocKB),
		TxnLogSizeLimitKB:   c.TxnLogSizeKB,
		NoSync:              !c.ForceSync,
		TrustEmptySnapshot:  c.TrustEmpty,
		AcceptDataLoss:      protocol.Zxid(c.AcceptDataLoss),
		NoAutoCreateDirs:    !c.AutoCreateDirs,
		NoAutoCreateDB:      !c.AutoCreateDB,
		Compression:         c.Compression,
		NoDigest:            !c.Digest,
		NoLastProcessedZxid: !c.LastZxidInSnap,
		Logger:              s.log,
	}
}

// recover opens the data directory and fills the tree from it.
func (s *Server) recover() error {
	var err error
	s.store, err = storage.Open(s.storageConfig())
	if err != nil {
		return err
	}
	begin := time.Now()
	got, err := s.rep.Recover(s.store, now)
	if err != nil {
		return err
	}
	if got.EpochBehind && s.cfg.Distributed() {
		s.log.Warn("a crash ended the synchronisation with a leader: the log is of a later epoch than currentEpoch says", "zxid", got.LastZxid, "currentEpoch", got.CurrentEpoch)
	}
	s.warnOfQuarantine()
	if got.LastZxid < 0 && s.cfg.Distributed() {
		s.log.Warn("there is no data, and with db.autocreate=false that is no new database: this server has no vote until a leader has sent it the data; for a new ensemble put an empty file initialize beside version-2 on every server", "dataDir", s.cfg.DataLogDir)
	}
	snapshot := "none"
	if got.SnapshotZxid >= 0 {
		snapshot = got.SnapshotZxid.String()
	}
	s.log.Info("recovered", "zxid", max(got.LastZxid, 0), "snapshot", snapshot, "txns", got.Txns,
		"ms", time.Since(begin).Milliseconds())
	return nil
}

// fail is the final failed state: connections closed, nothing acknowledged
// after it, Done and Err tell. The pipeline calls it.
func (s *Server) fail(err error) {
	s.open.Store(closed)
	if s.pipe.members != nil {
		s.pipe.members.stop() // peers first
	}
	s.conns.CloseConns("the server failed")
	s.log.Error("the server stopped: it could not keep what it would acknowledge", "error", err)
	s.settle(err)
}

// settle says why the server stopped; the first reason stays.
func (s *Server) settle(err error) {
	s.end.Lock()
	defer s.end.Unlock()
	if !s.stopped {
		s.stopped, s.err = true, err
		close(s.done)
	}
}

// Addr is the address of the client port, nil before Start and when clients come
// by SecureAddr alone.
func (s *Server) Addr() net.Addr {
	if a := s.addr.Load(); a != nil {
		return a.Addr
	}
	return nil
}

// Done is closed when the server has stopped: by Close, or because it failed.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err is why the server stopped by itself; nil while it runs and after Close.
func (s *Server) Err() error {
	s.end.Lock()
	defer s.end.Unlock()
	return s.err
}

// Close stops the server and waits for its goroutines. What was acknowledged is
// on disk already. It returns the failure of a server that had failed. Closing
// again does nothing.
func (s *Server) Close() error {
	s.quitting.Do(func() { close(s.quit) })
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.state
	s.state = ended
	s.open.Store(closed)
	if was != running {
		s.settle(nil)
		return nil
	}
	s.conns.Close()
	close(s.pipe.stop)
	s.pipe.ran.Wait()
	if s.pipe.members != nil {
		s.pipe.members.stop()
	}
	s.pipe.work.Wait()
	s.background.Wait()
	err := s.store.Close()
	s.settle(nil)
	if why := s.Err(); why != nil {
		return why
	}
	return err
}

// now reads both clocks.
func now() replica.Now {
	return replica.Now{MonoMs: cnxn.SteadyMs(), WallMs: time.Now().UnixMilli()}
}
