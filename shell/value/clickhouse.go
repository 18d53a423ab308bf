package value

import "strings"

// clickHouse knows the znodes of ClickHouse's replicated tables
// (ReplicatedMergeTreeAddress, -LogEntry, -MutationEntry, -TableMetadata) and
// of its ON CLUSTER queries (DDLLogEntry). Their data is lines of text.
func clickHouse(z *znode) string {
	text := string(z.value.Data)
	switch {
	case z.is("replicas", "*", "host") && strings.HasPrefix(text, "host: "):
		return sentence("ClickHouse replica "+z.at(1)+" of "+entry(text, "database")+"."+entry(text, "table")+
			" is at "+entry(text, "host")+":"+entry(text, "tcp_port"), with("replicates on port ", entry(text, "port")))
	case z.is("replicas", "*", "is_active") && z.table():
		return "ClickHouse replica " + z.at(1) + " is active"
	case z.is("replicas", "*", "log_pointer") && z.text() != "":
		return "ClickHouse replica " + z.at(1) + " takes entry log-" + pad(z.text()) + " next"
	case (z.is("log", "*") || z.is("queue", "*")) && strings.HasPrefix(text, "format version: "):
		return clickHouseEntry(text)
	case z.is("mutations", "*") && strings.HasPrefix(text, "format version: "):
		return sentence("ClickHouse mutation "+z.at(0)+": "+entry(text, "commands"), with("by replica ", entry(text, "source replica")),
			with("at ", entry(text, "create time")))
	case z.is("*", "metadata") && strings.HasPrefix(text, "metadata format version: "):
		return sentence("ClickHouse table metadata", with("primary key ", entry(text, "primary key")),
			with("partition by ", entry(text, "partition key")), "granularity "+entry(text, "index granularity"))
	case z.is("*", "columns") && strings.HasPrefix(text, "columns format version: "):
		_, rest, _ := strings.Cut(text, "\n")
		number, _, _ := strings.Cut(rest, " ")
		return "ClickHouse table with " + number + " columns"
	case z.is("*", "*") && strings.HasPrefix(z.at(0), "query-") && strings.HasPrefix(text, "version: ") && entry(text, "query") != "":
		return sentence("ClickHouse query on a cluster: "+entry(text, "query"), with("for ", entry(text, "hosts")), with("from ", entry(text, "initiator")))
	}
	return ""
}

// table tells whether the path looks like that of a replicated table.
func (z *znode) table() bool {
	return z.below("replicas") && (z.below("tables") || z.below("clickhouse"))
}

// entry is what follows "name: " at the beginning of a line.
func entry(text, name string) string {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name+": "); ok {
			return strings.TrimRight(rest, "\r\n")
		}
	}
	return ""
}

// pad is a number as a sequential name has it.
func pad(number string) string {
	return strings.Repeat("0", max(10-len(number), 0)) + number
}

// clickHouseEntry is an entry of the log or of a replica's queue: a head, a
// line that says what is to be done, and with what.
func clickHouseEntry(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	does := ""
	for i, line := range lines {
		next := ""
		if i+1 < len(lines) {
			next = lines[i+1]
		}
		switch line {
		case "get", "attach", "drop", "detach":
			does = map[string]string{"get": "fetch part ", "attach": "attach part ", "drop": "drop range ", "detach": "detach range "}[line] + next
		case "merge", "mutate":
			parts, behind := collect(lines[i+1:])
			does = line + " " + strings.Join(shorten(parts), " ") + " into " + behind
		case "REPLACE_RANGE":
			does = "replace a range from " + entry(text, "from_database") + "." + entry(text, "from_table")
		case "alter":
			does = "take over altered metadata"
		default:
			continue
		}
		break
	}
	if does == "" {
		return ""
	}
	return sentence("ClickHouse log entry: "+does, with("by replica ", entry(text, "source replica")), with("at ", entry(text, "create_time")))
}

// collect takes the parts before "into" or "to", and the one behind.
func collect(lines []string) (parts []string, result string) {
	for i, line := range lines {
		if line == "into" || line == "to" {
			if i+1 < len(lines) {
				result = lines[i+1]
			}
			return parts, result
		}
		parts = append(parts, line)
	}
	return parts, ""
}
