package value

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// pb is a protobuf message of strings, numbers and messages, numbered from 1.
func pb(fields ...any) string {
	var b []byte
	for i, f := range fields {
		n := protowire.Number(i + 1)
		switch f := f.(type) {
		case string:
			b = protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), f)
		case int:
			b = protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), uint64(f))
		}
	}
	return string(b)
}

// hbaseHeader is what RecoverableZooKeeper puts before the data: here the name
// of the writer and eight bytes of salt.
func hbaseHeader(writer string) string {
	return "\xff\x00\x00\x00" + string(rune(len(writer)+8)) + writer + "\xd3\x01\x02\x03\x04\x05\x06\x07PBUF"
}

var server = pb("rs1.example.org", 16020, 1700000000000)

// knownZnodes are made up in the formats that the systems' sources define.
var knownZnodes = []struct{ path, data, want string }{
	{"/brokers/ids/7", `{"features":{},"listener_security_protocol_map":{"PLAINTEXT":"PLAINTEXT"},"endpoints":["PLAINTEXT://k7:9092","SSL://k7:9093"],` +
		`"jmx_port":-1,"port":9092,"host":"k7","version":5,"rack":"r1","timestamp":"1700000000000"}`,
		"Kafka broker 7 at PLAINTEXT://k7:9092 SSL://k7:9093, rack r1, up since 2023-11-14 22:13:20 UTC"},
	{"/kafka/brokers/ids/1", `{"jmx_port":-1,"timestamp":"x","host":"old","version":1,"port":9092}`, "Kafka broker 1 at old:9092"},
	{"/controller", `{"version":2,"brokerid":3,"timestamp":"1700000000000","kraftControllerEpoch":-1}`, "Kafka's controller is broker 3, since 2023-11-14 22:13:20 UTC"},
	{"/controller_epoch", "12", "Kafka's controller was elected 12 times"},
	{"/brokers/topics/orders", `{"partitions":{"0":[1,2],"1":[2,3]},"topic_id":"abc","adding_replicas":{},"removing_replicas":{},"version":3}`,
		"Kafka topic orders: 2 partitions, replication factor 2, on brokers 1 2 3"},
	{"/brokers/topics/orders", `{"partitions":{"0":[1,2,3],"1":[2]},"adding_replicas":{"0":[3]},"version":3}`,
		"Kafka topic orders: 2 partitions, replication factor 1 to 3, on brokers 1 2 3, being reassigned"},
	{"/brokers/topics/orders/partitions/1/state", `{"controller_epoch":1,"leader":2,"version":1,"leader_epoch":4,"isr":[2,3]}`,
		"partition 1 of topic orders: leader 2, in sync 2 3, leader epoch 4"},
	{"/brokers/topics/o/partitions/0/state", `{"leader":-1,"isr":[]}`, "partition 0 of topic o: leader none"},
	{"/config/topics/orders", `{"version":1,"config":{"retention.ms":"1000","cleanup.policy":"compact"}}`, "Kafka topic orders has cleanup.policy=compact retention.ms=1000"},
	{"/config/users/joe", `{"version":1,"config":{"SCRAM-SHA-256":"salt=x"}}`, "Kafka user joe has SCRAM-SHA-256=…"},
	{"/config/brokers/1", `{"version":1,"config":{}}`, "Kafka broker 1 has no settings of its own"},
	{"/cluster/id", `{"version":"1","id":"u1"}`, "the Kafka cluster's id is u1"},
	{"/admin/delete_topics/t", "", "Kafka is to delete topic t"},
	{"/admin/reassign_partitions", `{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1]}]}`, "Kafka moves replicas of 1 partition"},
	{"/consumers/g/offsets/t/0", "99", "Kafka consumer group g is at offset 99 of topic t, partition 0"},
	{"/kafka-acl/Topic/t", `{"version":1,"acls":[{},{}]}`, "Kafka's ACL of topic t: 2 entries"},

	{"/hbase/meta-region-server", hbaseHeader("regionserver:16020") + pb(server, 0, 3), "HBase's meta region is on region server rs1.example.org:16020, state OPEN"},
	{"/hbase-unsecure/meta-region-server-1", "PBUF" + pb(server, 0, 2), "HBase's meta region is on region server rs1.example.org:16020, state OPENING"},
	{"/hbase/master", hbaseHeader("master:16000") + pb(server, 0, 16010),
		"HBase's master is rs1.example.org:16020, up since 2023-11-14 22:13:20 UTC, its status page is on port 16010"},
	{"/hbase/backup-masters/m2,16000,1", "PBUF" + pb(pb("m2", 16000), 0, 16010), "an HBase backup master is m2:16000, its status page is on port 16010"},
	{"/hbase/rs/rs1,16020,1700000000000", hbaseHeader("r") + pb(16030), "HBase region server rs1:16020,1700000000000, its status page is at rs1:16030"},
	{"/hbase/hbaseid", hbaseHeader("m") + pb("4c-1"), "the HBase cluster's id is 4c-1"},
	{"/hbase/running", hbaseHeader("m") + pb("Tue Nov 14"), "the HBase cluster is up, started Tue Nov 14"},
	{"/hbase/table/t1", hbaseHeader("m") + pb(1), "HBase table t1 is DISABLED"},
	{"/hbase/balancer", hbaseHeader("m") + pb(1), "HBase's balancer is on"},
	{"/hbase/splitWAL/x", "PBUF" + pb(1, server), "HBase splits a write-ahead log: OWNED, by rs1.example.org:16020"},

	{"/hadoop-ha/ns1/ActiveStandbyElectorLock", pb("ns1", "nn1", "h1", 8020, 8019), "HDFS NameNode nn1 of nameservice ns1 at h1:8020 is active"},
	{"/hadoop-ha/ns1/ActiveBreadCrumb", pb("ns1", "nn1", "h1", 8020, 8019),
		"HDFS NameNode nn1 of nameservice ns1 at h1:8020 was active last and is fenced by this, should its lock go"},
	{"/yarn-leader-election/c/ActiveStandbyElectorLock", pb("c", "rm2"), "YARN ResourceManager rm2 of cluster c is active"},

	{"/solr/live_nodes/10.0.0.1:8983_solr", "", "Solr node 10.0.0.1:8983/solr is live"},
	{"/overseer_elect/leader", `{"id":"72057-10.0.0.1:8983_solr-n_0000000003"}`, "Solr's overseer is 10.0.0.1:8983_solr"},
	{"/collections/c/state.json", `{"c":{"router":{"name":"compositeId"},"shards":{"shard1":{"state":"active","replicas":{` +
		`"core_node1":{"core":"c_r1","node_name":"h:8983_solr","state":"active","leader":"true"},"core_node2":{"core":"c_r2","state":"down"}}},` +
		`"shard2":{"replicas":{"core_node3":{"core":"c_r3","state":"active"}}}}}}`,
		"Solr collection c: 2 shards, 2 of 3 replicas active, c_r2 is down, without a leader: shard2"},
	{"/collections/c/leaders/shard1/leader", `{"core":"c_r1","node_name":"h:8983_solr"}`, "the leader of shard1 of Solr collection c is c_r1, on h:8983/solr"},
	{"/collections/c", `{"configName":"conf1"}`, "Solr collection c has the configuration conf1"},
	{"/aliases.json", `{"collection":{"now":"c2"}}`, "Solr's aliases: now → c2"},

	{"/clickhouse/tables/01/hits/replicas/r1/host", "host: ch1\nport: 9009\ntcp_port: 9000\ndatabase: default\ntable: hits\nscheme: http\n",
		"ClickHouse replica r1 of default.hits is at ch1:9000, replicates on port 9009"},
	{"/clickhouse/tables/01/hits/replicas/r1/is_active", "UUID", "ClickHouse replica r1 is active"},
	{"/clickhouse/tables/01/hits/replicas/r1/log_pointer", "12", "ClickHouse replica r1 takes entry log-0000000012 next"},
	{"/clickhouse/tables/01/hits/log/log-0000000001", "format version: 4\ncreate_time: 2024-01-02 03:04:05\nsource replica: r1\nblock_id: b\nget\nall_0_0_0\npart_type: Compact\n",
		"ClickHouse log entry: fetch part all_0_0_0, by replica r1, at 2024-01-02 03:04:05"},
	{"/t/replicas/r1/queue/queue-0000000001", "format version: 4\ncreate_time: T\nsource replica: r1\nblock_id: \nmerge\nall_0_0_0\nall_1_1_0\ninto\nall_0_1_1\ndeduplicate: 0\n",
		"ClickHouse log entry: merge all_0_0_0 all_1_1_0 into all_0_1_1, by replica r1, at T"},
	{"/t/mutations/0000000000", "format version: 1\ncreate time: T\nsource replica: r1\nblock numbers count: 1\nall\t1\ncommands: DELETE WHERE x = 1\nalter version: -1\n",
		"ClickHouse mutation 0000000000: DELETE WHERE x = 1, by replica r1, at T"},
	{"/t/metadata", "metadata format version: 1\ndate column: \nsampling expression: \nindex granularity: 8192\nmode: 0\nsign column: \nprimary key: id\ndata format version: 1\npartition key: toYYYYMM(d)\n",
		"ClickHouse table metadata, primary key id, partition by toYYYYMM(d), granularity 8192"},
	{"/t/columns", "columns format version: 1\n2 columns:\n`id` UInt64\n`d` Date\n", "ClickHouse table with 2 columns"},
	{"/clickhouse/task_queue/ddl/query-0000000001", "version: 1\nquery: DROP TABLE x\nhosts: ['a:9000']\ninitiator: a:9000\n",
		"ClickHouse query on a cluster: DROP TABLE x, for ['a:9000'], from a:9000"},

	{"/dubbo/org.x.Hello/providers/dubbo%3A%2F%2F10.0.0.2%3A20880%2Forg.x.Hello%3Fapplication%3Dshop%26interface%3Dorg.x.Hello%26methods%3Dhi%2Cbye%26version%3D1.0", "10.0.0.2",
		"Dubbo provider of org.x.Hello at dubbo://10.0.0.2:20880, application shop, version 1.0, methods hi bye"},
	{"/dubbo/org.x.Hello/consumers/consumer%3A%2F%2F10.0.0.3%2Forg.x.Hello%3Fapplication%3Dweb", "", "Dubbo consumer of org.x.Hello at consumer://10.0.0.3, application web"},

	{"/locks/a/_c_0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f-lock-0000000042", "10.0.0.9", "Curator: a contender for the lock /locks/a, number 42, says it is 10.0.0.9"},
	{"/l/_c_0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f-latch-0000000000", "", "Curator: a contender for the leader latch /l, number 0"},
	{"/l/_c_0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f-__WRIT__0000000001", "", "Curator: a writer waiting for, or holding, the lock /l, number 1"},
	{"/l/0a1b2c3d0a1b0a1b0a1b0a1b2c3d4e5f__lock__0000000003", "worker", "kazoo: a contender for the lock /l, number 3, says it is worker"},
	{"/services/shop/i1", `{"name":"shop","id":"i1","address":"10.0.0.4","port":8080,"sslPort":null,"payload":null,"registrationTimeUTC":1700000000000,"serviceType":"DYNAMIC","uriSpec":null}`,
		"an instance of service shop at 10.0.0.4:8080, dynamic, registered 2023-11-14 22:13:20 UTC"},

	{"/zookeeper/quota/app/x/zookeeper_limits", "count=5,bytes=-1", "the quota of /app/x: count=5,bytes=-1"},
	{"/zookeeper/quota/zookeeper_stats", "count=9,bytes=3", "what / holds against its quota: count=9,bytes=3"},
	{"/zookeeper/config", "server.1=a:1:2:participant\nserver.2=b:1:2:observer\nversion=0", "the configuration of the ensemble: 2 servers"},

	// Others have such paths, too, with data of their own.
	{"/brokers/ids/7", "hello", ""}, {"/controller", `{"a":1}`, ""}, {"/hbase/master", "PBUF", ""}, {"/x/ActiveStandbyElectorLock", "me", ""},
	{"/collections/c/state.json", "{}", ""}, {"/a/host", "host: x", ""}, {"/dubbo/x/providers/y", "", ""}, {"/x/lock-0000000001", "", ""},
	{"/zookeeper_limits", "x", ""}, {"/", "x", ""},
}

func TestKnownZnodes(t *testing.T) {
	t.Parallel()
	for _, k := range knownZnodes {
		v := Decode(k.path, []byte(k.data))
		if v.Summary != k.want {
			t.Errorf("%s: %q\nwant %q", k.path, v.Summary, k.want)
		}
		if (strings.Contains(k.path, "hbase") || strings.Contains(k.path, "Active")) && k.want != "" && (v.Kind != Record || len(v.Lines()) != len(v.Fields)) {
			t.Errorf("%s: %v, %v", k.path, v.Kind, v.Fields)
		}
	}
	v := Decode("/hadoop-ha/ns1/ActiveStandbyElectorLock", []byte(pb("ns1", "nn1", "h1", 8020, 8019)))
	if got, want := laidOut("/hadoop-ha/ns1/ActiveStandbyElectorLock", v.Raw), "nameserviceId = ns1\nnamenodeId = nn1\nhostname = h1\nport = 8020\nzkfcPort = 8019\n"; got != want {
		t.Errorf("%q", got)
	}
}
