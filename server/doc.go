// Package server is a ZooKeeper server for programs that want one inside:
//
//	cfg := config.Default()
//	cfg.DataDir, cfg.ClientPort = "/var/lib/zookeeper", 2181
//	s, err := server.New(cfg)
//	if err == nil {
//		err = s.Start()
//	}
//
// It joins the parts: storage below, package replica as the state machine, the
// client port of package cnxn, and the answers of package admin.
//
// A Server never ends the process it lives in. When its log cannot be written
// or synced it closes every connection, acknowledges nothing more, and says so
// through Done and Err.
package server
