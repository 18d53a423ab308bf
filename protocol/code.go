package protocol

import "fmt"

// Code is the error code of a reply header (KeeperException.Code in Apache
// 3.9). It is itself an error, so errors.Is compares codes end to end; OK is
// the one value that must not be returned as an error.
type Code int32

const (
	OK                       Code = 0
	SystemError              Code = -1
	RuntimeInconsistency     Code = -2
	DataInconsistency        Code = -3
	ConnectionLoss           Code = -4
	MarshallingError         Code = -5
	Unimplemented            Code = -6
	OperationTimeout         Code = -7
	BadArguments             Code = -8
	UnknownSession           Code = -12
	NewConfigNoQuorum        Code = -13
	ReconfigInProgress       Code = -14
	APIError                 Code = -100
	NoNode                   Code = -101
	NoAuth                   Code = -102
	BadVersion               Code = -103
	NoChildrenForEphemerals  Code = -108
	NodeExists               Code = -110
	NotEmpty                 Code = -111
	SessionExpired           Code = -112
	InvalidCallback          Code = -113
	InvalidACL               Code = -114
	AuthFailed               Code = -115
	SessionMoved             Code = -118
	NotReadOnly              Code = -119
	EphemeralOnLocalSession  Code = -120
	NoWatcher                Code = -121
	RequestTimeout           Code = -122
	ReconfigDisabled         Code = -123
	SessionClosedRequireAuth Code = -124
	QuotaExceeded            Code = -125
	ThrottledOp              Code = -127
)

// codeNames are the words of Apache's KeeperException messages
// ("KeeperErrorCode = NoNode for /a"), which differ from the constants here
// and there.
var codeNames = map[Code]string{
	OK: "ok", SystemError: "SystemError", RuntimeInconsistency: "RuntimeInconsistency",
	DataInconsistency: "DataInconsistency", ConnectionLoss: "ConnectionLoss",
	MarshallingError: "MarshallingError", Unimplemented: "Unimplemented",
	OperationTimeout: "OperationTimeout", BadArguments: "BadArguments",
	UnknownSession: "Unknown session", NewConfigNoQuorum: "NewConfigNoQuorum",
	ReconfigInProgress: "ReconfigInProgress", APIError: "APIError", NoNode: "NoNode",
	NoAuth: "NoAuth", BadVersion: "BadVersion", NoChildrenForEphemerals: "NoChildrenForEphemerals",
	NodeExists: "NodeExists", NotEmpty: "Directory not empty", SessionExpired: "Session expired",
	InvalidCallback: "Invalid callback", InvalidACL: "InvalidACL", AuthFailed: "AuthFailed",
	SessionMoved: "Session moved", NotReadOnly: "Not a read-only call",
	EphemeralOnLocalSession: "Ephemeral node on a local session", NoWatcher: "No such watcher",
	RequestTimeout: "RequestTimeout", ReconfigDisabled: "Reconfig is disabled",
	SessionClosedRequireAuth: "Session closed because client failed to authenticate",
	QuotaExceeded:            "Quota has exceeded", ThrottledOp: "Op throttled due to high load",
}

// Name is Apache's word for the code, or "Unknown error N".
func (c Code) Name() string {
	if n, ok := codeNames[c]; ok {
		return n
	}
	return fmt.Sprintf("Unknown error %d", int32(c))
}

// Error is Apache's sentence, "KeeperErrorCode = NoNode".
func (c Code) Error() string { return "KeeperErrorCode = " + c.Name() }

// Err is nil for OK and the code otherwise.
func (c Code) Err() error {
	if c == OK {
		return nil
	}
	return c
}
