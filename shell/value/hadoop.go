package value

// hadoop knows what Hadoop's ActiveStandbyElector leaves: the lock of the
// active one and the crumb by which it can be fenced. The data is ActiveNodeInfo
// of HDFS (HAZKInfo.proto), or ActiveRMInfoProto of YARN.
func hadoop(z *znode) string {
	lock := z.is("ActiveStandbyElectorLock")
	if !lock && !z.is("ActiveBreadCrumb") {
		return ""
	}
	m, ok := parseMessage(z.value.Data)
	if !ok || m.text(1) == "" || m.text(2) == "" {
		return ""
	}
	role := "was active last and is fenced by this, should its lock go"
	if lock {
		role = "is active"
	}
	if m.text(3) == "" {
		z.record(Field{"clusterId", m.text(1)}, Field{"rmId", m.text(2)})
		return "YARN ResourceManager " + m.text(2) + " of cluster " + m.text(1) + " " + role
	}
	z.record(Field{"nameserviceId", m.text(1)}, Field{"namenodeId", m.text(2)}, Field{"hostname", m.text(3)},
		Field{"port", m.number(4)}, Field{"zkfcPort", m.number(5)})
	return "HDFS NameNode " + m.text(2) + " of nameservice " + m.text(1) + " at " + m.text(3) + ":" + m.number(4) + " " + role
}

// record makes the value one whose fields are known.
func (z *znode) record(fields ...Field) {
	z.value.Kind, z.value.Fields = Record, fields
}
