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
// With a configuration of several voters it takes its place among them: package
// peer has the connections between the servers, and the roles are the
// replica's. Start returns when the server looks for a leader; clients are let in
// while it has one.
//
// A Server never ends the process it lives in. When its log cannot be written
// or synced it closes every connection, acknowledges nothing more, and says so
// through Done and Err.
package server
