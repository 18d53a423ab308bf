package value

import "strings"

// solr knows the znodes of Apache Solr in cloud mode.
func solr(z *znode) string {
	switch {
	case z.is("live_nodes", "*"):
		if url := solrNode(z.at(0)); url != "" {
			return "Solr node " + url + " is live"
		}
	case z.is("overseer_elect", "leader") && field(z.json, "id") != "":
		// The id is the session's, the node's name and the election's number.
		id := field(z.json, "id")
		if _, rest, ok := strings.Cut(id, "-"); ok {
			name, _, _ := strings.Cut(rest, "-n_")
			return "Solr's overseer is " + name
		}
	case z.is("collections", "*", "state.json"), z.is("clusterstate.json"):
		return solrState(z)
	case z.is("collections", "*", "leaders", "*", "leader") && field(z.json, "core") != "":
		return sentence("the leader of "+z.at(1)+" of Solr collection "+z.at(3)+" is "+field(z.json, "core"), with("on ", solrPlace(z.json)))
	case z.is("collections", "*") && field(z.json, "configName") != "":
		return "Solr collection " + z.at(0) + " has the configuration " + field(z.json, "configName")
	case z.is("aliases.json") && object(z.json["collection"]) != nil:
		var pairs []string
		aliases := object(z.json["collection"])
		for _, k := range keys(aliases) {
			pairs = append(pairs, k+" → "+field(aliases, k))
		}
		return "Solr's aliases: " + strings.Join(shorten(pairs), ", ")
	}
	return ""
}

// solrNode is host:port of a node's name, host:port_context.
func solrNode(name string) string {
	where, context, ok := strings.Cut(name, "_")
	if !ok || !strings.Contains(where, ":") {
		return ""
	}
	return where + "/" + strings.ReplaceAll(context, "%2F", "/")
}

func solrPlace(replica map[string]any) string {
	if name := field(replica, "node_name"); name != "" {
		return solrNode(name)
	}
	return field(replica, "base_url")
}

// solrState counts the replicas of the collections in a state.json.
func solrState(z *znode) string {
	var said []string
	for _, name := range keys(z.json) {
		shards := object(object(z.json[name])["shards"])
		if shards == nil {
			continue
		}
		replicas, active := 0, 0
		var ill, headless []string
		for _, shard := range keys(shards) {
			leads := false
			members := object(object(shards[shard])["replicas"])
			for _, core := range keys(members) {
				replica := object(members[core])
				replicas++
				if state := field(replica, "state"); state == "active" {
					active++
				} else {
					ill = append(ill, field(replica, "core")+" is "+state)
				}
				leads = leads || field(replica, "leader") == "true"
			}
			if !leads {
				headless = append(headless, shard)
			}
		}
		said = append(said, sentence("Solr collection "+name+": "+count(len(shards), "shard", "shards"),
			itoa(int64(active))+" of "+count(replicas, "replica", "replicas")+" active",
			strings.Join(shorten(ill), ", "), with("without a leader: ", strings.Join(shorten(headless), " "))))
	}
	return strings.Join(shorten(said), "; ")
}
