package value

import "strings"

// kafka knows the znodes of Apache Kafka up to 3.9 (kafka.zk.ZkData).
func kafka(z *znode) string {
	switch {
	case z.is("brokers", "ids", "*") && z.json != nil:
		return kafkaBroker(z)
	case z.is("controller") && field(z.json, "brokerid") != "":
		return sentence("Kafka's controller is broker "+field(z.json, "brokerid"), with("since ", since(field(z.json, "timestamp"))))
	case z.is("controller_epoch") && z.text() != "":
		return "Kafka's controller was elected " + z.text() + " times"
	case z.is("brokers", "topics", "*") && object(z.json["partitions"]) != nil:
		return kafkaTopic(z)
	case z.is("brokers", "topics", "*", "partitions", "*", "state") && z.json["isr"] != nil:
		leader := field(z.json, "leader")
		if leader == "-1" {
			leader = "none"
		}
		return sentence("partition "+z.at(1)+" of topic "+z.at(3)+": leader "+leader, with("in sync ", list(z.json["isr"])),
			with("leader epoch ", field(z.json, "leader_epoch")))
	case z.is("config", "*", "*") && object(z.json["config"]) != nil:
		return kafkaConfig(z)
	case z.is("cluster", "id") && field(z.json, "id") != "":
		return "the Kafka cluster's id is " + field(z.json, "id")
	case z.is("admin", "delete_topics", "*"):
		return "Kafka is to delete topic " + z.at(0)
	case z.is("admin", "reassign_partitions") && z.json["partitions"] != nil:
		moves, _ := z.json["partitions"].([]any)
		return "Kafka moves replicas of " + count(len(moves), "partition", "partitions")
	case z.is("consumers", "*", "offsets", "*", "*") && z.text() != "":
		return "Kafka consumer group " + z.at(3) + " is at offset " + z.text() + " of topic " + z.at(1) + ", partition " + z.at(0)
	case len(z.names) > 2 && strings.HasPrefix(z.at(2), "kafka-acl") && z.json["acls"] != nil:
		acls, _ := z.json["acls"].([]any)
		return "Kafka's ACL of " + strings.ToLower(z.at(1)) + " " + z.at(0) + ": " + count(len(acls), "entry", "entries")
	}
	return ""
}

func kafkaBroker(z *znode) string {
	where := list(z.json["endpoints"])
	if where == "" && field(z.json, "host") != "" {
		where = field(z.json, "host") + ":" + field(z.json, "port")
	}
	if where == "" {
		return ""
	}
	return sentence("Kafka broker "+z.at(0)+" at "+where, with("rack ", field(z.json, "rack")),
		with("up since ", since(field(z.json, "timestamp"))))
}

// kafkaTopic counts the replicas that brokers hold.
func kafkaTopic(z *znode) string {
	partitions := object(z.json["partitions"])
	brokers := map[string]any{}
	least, most := -1, 0
	for _, replicas := range partitions {
		ids, _ := replicas.([]any)
		for _, id := range ids {
			brokers[scalar(id)] = nil
		}
		if most = max(most, len(ids)); least < 0 || len(ids) < least {
			least = len(ids)
		}
	}
	factor := itoa(int64(most))
	if least >= 0 && least < most {
		factor = itoa(int64(least)) + " to " + factor
	}
	moving := ""
	if n := len(object(z.json["adding_replicas"])) + len(object(z.json["removing_replicas"])); n > 0 {
		moving = "being reassigned"
	}
	return sentence("Kafka topic "+z.at(0)+": "+count(len(partitions), "partition", "partitions"), "replication factor "+factor,
		with("on brokers ", strings.Join(shorten(keys(brokers)), " ")), moving)
}

func kafkaConfig(z *znode) string {
	settings := object(z.json["config"])
	what := strings.TrimSuffix(z.at(1), "s")
	if len(settings) == 0 {
		return "Kafka " + what + " " + z.at(0) + " has no settings of its own"
	}
	var pairs []string
	for _, k := range keys(settings) {
		value := field(settings, k)
		if what == "user" || strings.Contains(k, "password") {
			value = "…" // a credential
		}
		pairs = append(pairs, k+"="+value)
	}
	return "Kafka " + what + " " + z.at(0) + " has " + strings.Join(shorten(pairs), " ")
}
