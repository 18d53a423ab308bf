// Package ctl is the program zkserver: the verbs of Apache's zkServer.sh, the environment they read, exit codes, the log
// on stderr and the collector's policy. It starts a server and waits; what a server does is package server's business.
//
// Source of words, exit codes and environment: zkServer.sh and zkEnv.sh of Apache 3.8.0 and 3.9.5, QuorumPeerMain.java.
package ctl
