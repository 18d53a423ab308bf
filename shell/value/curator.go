package value

import (
	"regexp"
	"strings"
)

// What Curator's recipes (LockInternals, InterProcessReadWriteLock,
// LeaderLatch, InterProcessSemaphoreV2) and kazoo's call the znodes that wait
// for a lock.
var (
	curatorName = regexp.MustCompile(`^_c_[0-9a-f-]{32,36}-(lock-|latch-|__READ__|__WRIT__|lease-)?(\d{10})$`)
	kazooName   = regexp.MustCompile(`^[0-9a-f]{32}(__lock__|__rlock__|__lease__)(\d{10})$`)
)

var contenders = map[string]string{
	"lock-": "a contender for the lock", "latch-": "a contender for the leader latch",
	"__READ__": "a reader waiting for, or holding, the lock", "__WRIT__": "a writer waiting for, or holding, the lock",
	"lease-": "a lease of the semaphore", "": "a contender for the lock",
	"__lock__": "a contender for the lock", "__rlock__": "a reader waiting for, or holding, the lock", "__lease__": "a lease of the semaphore",
}

// curator knows Apache Curator's locks, latches and service discovery
// (ServiceInstance), and kazoo's locks.
func curator(z *znode) string {
	library := "Curator"
	m := curatorName.FindStringSubmatch(z.at(0))
	if m == nil {
		library, m = "kazoo", kazooName.FindStringSubmatch(z.at(0))
	}
	if m != nil {
		number := strings.TrimLeft(m[2], "0")
		if number == "" {
			number = "0"
		}
		return sentence(library+": "+contenders[m[1]]+" /"+strings.Join(z.names[:len(z.names)-1], "/"), "number "+number, with("says it is ", z.text()))
	}
	if field(z.json, "name") == "" || field(z.json, "id") == "" || field(z.json, "registrationTimeUTC") == "" {
		return ""
	}
	where := field(z.json, "address")
	if port := field(z.json, "port"); port != "" {
		where += ":" + port
	}
	return sentence("an instance of service "+field(z.json, "name")+" at "+where, with("TLS port ", field(z.json, "sslPort")),
		strings.ToLower(field(z.json, "serviceType")), with("registered ", since(field(z.json, "registrationTimeUTC"))))
}
