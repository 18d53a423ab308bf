package value

import (
	"net/url"
	"strings"
)

// dubbo knows what Apache Dubbo registers: below /dubbo/SERVICE/CATEGORY a
// znode whose name is an escaped URL.
func dubbo(z *znode) string {
	role := map[string]string{"providers": "provider", "consumers": "consumer", "configurators": "override", "routers": "routing rule"}[z.at(1)]
	if role == "" || !strings.Contains(z.at(0), "%3A%2F%2F") {
		return ""
	}
	name, err := url.QueryUnescape(z.at(0))
	if err != nil {
		return ""
	}
	u, err := url.Parse(name)
	if err != nil || u.Host == "" {
		return ""
	}
	q := u.Query()
	service := q.Get("interface")
	if service == "" {
		service = z.at(2)
	}
	return sentence("Dubbo "+role+" of "+service+" at "+u.Scheme+"://"+u.Host, with("application ", q.Get("application")),
		with("group ", q.Get("group")), with("version ", q.Get("version")), with("methods ", strings.Join(shorten(strings.Split(q.Get("methods"), ",")), " ")),
		with("since ", since(q.Get("timestamp"))))
}
