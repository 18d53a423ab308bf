package value

import (
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"
)

// znode is a znode to be recognised: the names on its path, last one last, and
// its data.
type znode struct {
	names []string
	value *Value
	json  map[string]any // the data, when it is a JSON object
}

// recognisers say in a sentence what a znode of their system means; "" when it
// is none of theirs. Paths are matched from their end, since every system can
// live below a chroot.
var recognisers = []func(*znode) string{
	kafka, hbase, solr, clickHouse, hadoop, dubbo, curator, zooKeeper,
}

// maxKnown bounds the data that is looked into for a summary, in bytes.
const maxKnown = 1 << 20

// recognise fills in the summary of a znode of a well-known system, and the
// fields of its record.
func (v *Value) recognise(path string) {
	if path == "" || path == "/" || len(v.Data) > maxKnown {
		return
	}
	z := &znode{names: strings.Split(strings.Trim(path, "/"), "/"), value: v}
	if v.Kind == JSON {
		_ = json.Unmarshal(v.Data, &z.json) // an array stays nil
	}
	for _, r := range recognisers {
		if v.Summary = r(z); v.Summary != "" {
			return
		}
	}
}

// at is the name i places before the end, 0 the last; "" above the first.
func (z *znode) at(i int) string {
	if i >= len(z.names) {
		return ""
	}
	return z.names[len(z.names)-1-i]
}

// is matches the end of the path; "*" stands for any name.
func (z *znode) is(pattern ...string) bool {
	if len(pattern) > len(z.names) {
		return false
	}
	for i, p := range pattern {
		if name := z.names[len(z.names)-len(pattern)+i]; p != "*" && p != name {
			return false
		}
	}
	return true
}

// below tells whether a name is on the path before the last.
func (z *znode) below(name string) bool {
	for _, n := range z.names[:len(z.names)-1] {
		if n == name {
			return true
		}
	}
	return false
}

// text is the data when it is text of one line, "" otherwise.
func (z *znode) text() string {
	if z.value.Kind != Text && z.value.Kind != Properties || len(z.value.Data) > 256 || strings.ContainsRune(string(z.value.Data), '\n') {
		return ""
	}
	return string(z.value.Data)
}

// field is a member of a JSON object as text; "" when there is none.
func field(object map[string]any, name string) string { return scalar(object[name]) }

func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// list is an array as words, with a blank between them.
func list(v any) string {
	array, _ := v.([]any)
	words := make([]string, 0, len(array))
	for _, e := range array {
		words = append(words, scalar(e))
	}
	return strings.Join(shorten(words), " ")
}

// shorten keeps a list short enough for a sentence.
func shorten(words []string) []string {
	const most = 12
	if len(words) <= most {
		return words
	}
	return append(append([]string(nil), words[:most]...), fmt.Sprintf("and %d more", len(words)-most))
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func keys(m map[string]any) []string {
	names := make([]string, 0, len(m))
	for k := range m {
		names = append(names, k)
	}
	sort.Strings(names)
	return names
}

// since says when a time in milliseconds since 1970, given as text, was; ""
// when it is none.
func since(ms string) string {
	n, err := strconv.ParseInt(ms, 10, 64)
	if err != nil || n <= 0 || n > 1<<45 {
		return ""
	}
	return time.UnixMilli(n).UTC().Format("2006-01-02 15:04:05 UTC")
}

// sentence joins the parts that are not empty by commas.
func sentence(parts ...string) string {
	kept := parts[:0:0]
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, ", ")
}

// with is the words before and behind a text that is not empty.
func with(before, text string) string {
	if text == "" {
		return ""
	}
	return before + text
}

// count is a number with the word for it.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
