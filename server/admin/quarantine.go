package admin

import "fmt"

// Quarantine is why a member of an ensemble serves nothing and has no vote. Apache
// has nothing like it.
type Quarantine struct {
	Why    string // one line
	Awaits string // one line: what has to happen
}

// quarantine is what srvr, stat and mntr say behind the sentence of every server
// that does not serve.
func quarantine(word string, q *Quarantine) string {
	if q == nil {
		return ""
	}
	switch word {
	case "srvr", "stat":
		return fmt.Sprintf("Quarantined: %s\nAwaits: %s\n", q.Why, q.Awaits)
	case "mntr":
		return fmt.Sprintf("zk_quarantined\t1\nzk_quarantined_why\t%s\nzk_quarantined_awaits\t%s\n", q.Why, q.Awaits)
	}
	return ""
}
