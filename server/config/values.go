package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A setter stores a value. note is something worth a warning, why a reason to refuse, mend what to write instead.
type setter func(c *Config, v string) (note, why, mend string)

// integer accepts whole numbers from min to max, decimal as Integer.parseInt reads them.
func integer[T int | int64](field func(*Config) *T, min, max int64, unit string) setter {
	return func(c *Config, v string) (note, why, mend string) {
		n, why := wholeNumber(v)
		if why == "" && (n < min || n > max) {
			why = "out of range"
		}
		if why != "" {
			return "", why, rangeMend(min, max, unit)
		}
		*field(c) = T(n)
		return "", "", ""
	}
}

// atLeast is integer with a floor that Apache raises a lower value to.
func atLeast[T int | int64](field func(*Config) *T, floor, max int64, unit string) setter {
	set := integer(field, math.MinInt32, max, unit)
	return func(c *Config, v string) (note, why, mend string) {
		if _, why, _ = set(c, v); why != "" {
			return "", why, rangeMend(floor, max, unit)
		}
		if p := field(c); int64(*p) < floor {
			note = fmt.Sprintf("%d is below the minimum; %d is used", int64(*p), floor)
			*p = T(floor)
		}
		return note, "", ""
	}
}

// limit is integer where Apache reads zero and everything below it as "no limit", which is stored as 0.
func limit[T int | int64](field func(*Config) *T, max int64, unit string) setter {
	set := integer(field, math.MinInt32, max, unit)
	return func(c *Config, v string) (note, why, mend string) {
		if _, why, _ = set(c, v); why != "" {
			return "", why, rangeMend(0, max, unit)
		}
		if p := field(c); *p < 0 {
			*p = 0
		}
		return "", "", ""
	}
}

func wholeNumber(v string) (n int64, why string) {
	if v == "" {
		return 0, "the value is missing"
	}
	n, err := strconv.ParseInt(strings.TrimPrefix(v, "+"), 10, 64)
	switch {
	case err == nil && !strings.HasPrefix(v, "+-") && !strings.HasPrefix(v, "++"):
		return n, ""
	case strings.Contains(fmt.Sprint(err), "out of range"):
		return 0, "out of range"
	}
	return 0, "not a whole number"
}

func rangeMend(min, max int64, unit string) string {
	if unit != "" {
		unit = " (" + unit + ")"
	}
	switch {
	case min == math.MinInt32 && max >= math.MaxInt32:
		return "write a whole number" + unit
	case max >= math.MaxInt32:
		return fmt.Sprintf("write a whole number of at least %d%s", min, unit)
	}
	return fmt.Sprintf("write a whole number from %d to %d%s", min, max, unit)
}

// boolean accepts true and false in any case, as QuorumPeerConfig.parseBoolean does.
func boolean(field func(*Config) *bool) setter {
	return func(c *Config, v string) (note, why, mend string) {
		switch strings.ToLower(v) {
		case "true":
			*field(c) = true
		case "false":
			*field(c) = false
		default:
			return "", notEither(v, "true", "false"), "write true or false"
		}
		return "", "", ""
	}
}

// yesNo accepts yes and no, the words forceSync and skipACL have.
func yesNo(field func(*Config) *bool) setter {
	return func(c *Config, v string) (note, why, mend string) {
		switch v {
		case "yes":
			*field(c) = true
		case "no":
			*field(c) = false
		default:
			return "", notEither(v, "yes", "no"), "write yes or no (Apache takes any other word for its default)"
		}
		return "", "", ""
	}
}

func notEither(v, a, b string) string {
	if v == "" {
		return "the value is missing"
	}
	return fmt.Sprintf("neither %s nor %s", a, b)
}

func fraction(field func(*Config) *float64) setter {
	return func(c *Config, v string) (note, why, mend string) {
		f, err := strconv.ParseFloat(v, 64)
		if err != nil || math.IsNaN(f) || f < 0 || f > 1 {
			return "", "not a number from 0 to 1", "write a fraction such as 0.02"
		}
		*field(c) = f
		return "", "", ""
	}
}

// checkOnly keeps nothing: the key has no effect on this server, but nonsense in it is still refused.
func checkOnly[T any](kind func(func(*Config) *T) setter) setter {
	return func(c *Config, v string) (note, why, mend string) {
		var scrap T
		return kind(func(*Config) *T { return &scrap })(c, v)
	}
}

func anyText(*Config, string) (note, why, mend string) { return "", "", "" }

var (
	anyInt  = checkOnly(func(f func(*Config) *int64) setter { return integer(f, math.MinInt32, math.MaxInt32, "") })
	anyBool = checkOnly(boolean)
)

func directory(field func(*Config) *string) setter {
	return func(c *Config, v string) (note, why, mend string) {
		switch {
		case v == "":
			return "", "the value is missing", "write the path of a directory"
		case v == "~" || strings.HasPrefix(v, "~/"):
			return "", "~ is not expanded, here as in Apache", "write the whole path (./~ for a directory of that name)"
		case strings.Contains(v, "${") || strings.HasPrefix(v, "$"):
			return "", "variables are not expanded, here as in Apache", "write the whole path (./$… for a directory of that name)"
		case strings.ContainsRune(v, 0):
			return "", "a path cannot hold a NUL", "write the path of a directory"
		}
		*field(c) = v
		return "", "", ""
	}
}

func port(field func(*Config) *int) setter {
	return func(c *Config, v string) (note, why, mend string) {
		n, why := wholeNumber(v)
		if why == "" && (n < 0 || n > 65535) {
			why = "not a port"
		}
		if why != "" {
			return "", why, "write a port from 1 to 65535 (0 takes a free one)"
		}
		*field(c) = int(n)
		return "", "", ""
	}
}

func address(field func(*Config) *string, portKey string) setter {
	return func(c *Config, v string) (note, why, mend string) { return takeAddress(field(c), v, portKey) }
}

func takeAddress(field *string, v, portKey string) (note, why, mend string) {
	host := v
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	}
	switch {
	case v == "":
		// InetAddress.getByName("") is the loopback address.
		return "", "the value is missing", "write an address of this machine, or leave the line out to listen on every interface"
	case strings.ContainsAny(host, " \t,;/"):
		return "", "not an address", "write one address of this machine, such as 127.0.0.1 or ::1"
	case strings.Count(host, ":") == 1:
		return "", "an address with a port", "write the port as " + portKey
	}
	*field = host
	return "", "", ""
}

var fourLetterWords = map[string]bool{
	"conf": true, "cons": true, "crst": true, "dirs": true, "dump": true, "envi": true, "gtmk": true, "hash": true,
	"isro": true, "mntr": true, "reqs": true, "ruok": true, "srst": true, "srvr": true, "stat": true, "stmk": true,
	"wchc": true, "wchp": true, "wchs": true,
}

// whitelist splits on commas; srvr is always allowed, since zkServer.sh status needs it (Apache FourLetterCommands.java).
func whitelist(c *Config, v string) (note, why, mend string) {
	words, unknown := []string{"srvr"}, []string(nil)
	for _, word := range strings.Split(v, ",") {
		word = trim(word)
		switch {
		case word == "*":
			c.FourLetterWhitelist = []string{"*"}
			return "", "", ""
		case word == "" || word == "srvr":
		case !fourLetterWords[word]:
			unknown = append(unknown, word)
		default:
			words = append(words, word)
		}
	}
	c.FourLetterWhitelist = words
	if len(unknown) > 0 {
		note = fmt.Sprintf("no four-letter word: %s", strings.Join(unknown, ", "))
	}
	return note, "", ""
}

func compression(c *Config, v string) (note, why, mend string) {
	switch v {
	case "", "gz", "snappy":
		c.Compression = v
		return "", "", ""
	}
	return "", "unknown method", "write gz or snappy, or nothing for plain snapshots"
}

// digestAlgs are the names under which the Java platform must know a digest, and Go's.
var digestAlgs = map[string]string{
	"SHA": "SHA1", "SHA1": "SHA1", "SHA-1": "SHA1", "SHA-224": "SHA-224", "SHA-256": "SHA-256", "SHA-384": "SHA-384",
	"SHA-512": "SHA-512", "MD5": "MD5", "SHA3-256": "SHA3-256", "SHA3-512": "SHA3-512",
}

func digestAlg(c *Config, v string) (note, why, mend string) {
	alg, ok := digestAlgs[strings.ToUpper(v)]
	if !ok {
		return "", "unknown digest", "write SHA1, SHA-256, SHA-512, SHA3-256, SHA3-512, SHA-224, SHA-384 or MD5"
	}
	c.DigestAlg = alg
	return "", "", ""
}

func superDigest(c *Config, v string) (note, why, mend string) {
	user, digest, ok := strings.Cut(v, ":")
	if !ok || user == "" || digest == "" {
		return "", "not of the form super:<base64 of the digest>", `take it from DigestAuthenticationProvider, or from printf 'super:PASSWORD' | openssl sha1 -binary | base64`
	}
	c.SuperDigest = v
	return "", "", ""
}

func schemes(c *Config, v string) (note, why, mend string) {
	c.EnforceAuthSchemes = nil
	for _, scheme := range strings.Split(v, ",") {
		switch scheme = trim(scheme); scheme {
		case "":
		case "digest", "ip", "x509":
			c.EnforceAuthSchemes = append(c.EnforceAuthSchemes, scheme)
		case "sasl":
			return "", scheme + " authentication is not supported by this release", "write digest"
		default:
			return "", "unknown scheme " + printable(scheme), "write digest, x509, ip or several of them, separated by commas"
		}
	}
	return "", "", ""
}

func purgeInterval(c *Config, v string) (note, why, mend string) {
	var hours int64
	set := integer(func(*Config) *int64 { return &hours }, math.MinInt32, math.MaxInt32, "hours")
	if _, why, _ = set(c, v); why != "" {
		return "", why, "write whole hours; 0 never purges"
	}
	c.PurgeIntervalMs = max(hours, 0) * 3_600_000
	return "", "", ""
}

func zxid(field func(*Config) *int64) setter {
	return func(c *Config, v string) (note, why, mend string) {
		hex, ok := strings.CutPrefix(v, "0x")
		n, err := strconv.ParseInt(hex, 16, 64)
		if !ok || err != nil || n <= 0 {
			return "", "not a zxid", "write it as the refusal to start names it, such as 0x1f"
		}
		*field(c) = n
		return "remove this line once the server has started with it", "", ""
	}
}
