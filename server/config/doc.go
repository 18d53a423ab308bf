// Package config reads the configuration of a server: zoo.cfg, the -Dzookeeper.K=V arguments and SERVER_JVMFLAGS.
//
// It knows syntax, defaults and which values can work; it opens no socket and creates no directory.
// Load reads the file, Parse takes its bytes, CheckDirs looks at the directories a Config names, and CheckMembers at the
// servers of an ensemble, as the addresses and the resolver it is given see them.
//
// Sources of the facts: Apache 3.9.5 QuorumPeerConfig.java (keys of zoo.cfg), QuorumPeer.QuorumServer (server lines),
// QuorumMaj and QuorumHierarchical (groups, weights, the configuration's text), java.util.Properties (syntax) and the
// classes that read the system properties (ZooKeeperServer, FileTxnLog, FilePadding, FileTxnSnapLog, SnapStream,
// ServerCnxnFactory, NIOServerCnxnFactory, RequestThrottler, BlueThrottle, DigestAuthenticationProvider,
// AuthenticationHelper, ContainerManager, BinaryInputArchive).
//
// Precedence is Apache's: QuorumPeerConfig turns a key K it does not know into the system property zookeeper.K after the
// JVM has taken its -D arguments, so a line in zoo.cfg wins over -D; of two -D arguments the later wins, and those of
// SERVER_JVMFLAGS stand before those of JVMFLAGS (zkServer.sh) and before our own command line.
//
// Differs from Apache:
//   - `key=value # comment` is taken as value, with a warning. Apache takes the comment as part of the value: a number
//     is refused then, and a directory is created with the comment in its name. When a directory of that very name
//     exists (Apache made it), the configuration is refused rather than a second, empty directory opened.
//   - jute.maxbuffer, readonlymode.enabled and znode.container.* work as keys of zoo.cfg too; Apache reads them from -D alone.
//   - A system property with an impossible value is refused; Apache falls back to its default without a word.
//   - Server lines that cannot work are refused where Apache starts and waits for votes (CheckMembers), and so are hosts
//     that Java alone takes for an address. multiAddress.enabled in zoo.cfg holds for server lines too.
//   - A dataDir that begins with ~ or contains ${ is refused; Apache creates a directory of that name.
package config
