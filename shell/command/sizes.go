package command

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// grouped writes a number with a comma before each group of three digits.
func grouped[N int | int32 | int64](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// sizeUnits are the powers of 1024, as du -h and find -size have them.
const sizeUnits = "KMGT"

// humanSize writes a number of bytes in at most five characters: 1023, 1.5K,
// 12M.
func humanSize(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10)
	}
	value, unit := float64(n)/1024, 0
	for value >= 1023.5 && unit < len(sizeUnits)-1 {
		value /= 1024
		unit++
	}
	if value < 9.95 {
		return fmt.Sprintf("%.1f%c", value, sizeUnits[unit])
	}
	return fmt.Sprintf("%.0f%c", value, sizeUnits[unit])
}

// parseSize reads a number of bytes: 100, 4K, 1M.
func parseSize(text string) (int64, error) {
	number, factor := text, int64(1)
	if n := len(text); n > 0 {
		if unit := strings.IndexByte(sizeUnits, text[n-1]&^0x20); unit >= 0 && text[n-1] >= 'A' {
			number, factor = text[:n-1], 1<<(10*(unit+1))
		}
	}
	v, err := strconv.ParseInt(number, 10, 64)
	if err != nil || v < 0 || v > (1<<62)/factor {
		return 0, fmt.Errorf("%q is no size: write bytes, or 4K, 1M, 2G", text)
	}
	return v * factor, nil
}

// parseAge reads a length of time: 90s, 5m, 2h, 3d, 1w, or days without a unit.
func parseAge(text string) (time.Duration, error) {
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	number, unit := text, 24*time.Hour
	if n := len(text); n > 0 {
		if u, ok := units[text[n-1]]; ok {
			number, unit = text[:n-1], u
		}
	}
	v, err := strconv.ParseInt(number, 10, 64)
	if err != nil || v < 0 || v > int64((1<<62)/unit) {
		return 0, fmt.Errorf("%q is no length of time: write 90s, 5m, 2h, 3d, 1w", text)
	}
	return time.Duration(v) * unit, nil
}

// compared is a number as find takes it: +n is more than n, -n less, n itself.
type compared struct {
	sign byte // '+', '-' or 0
	n    int64
}

func parseCompared(text string, parse func(string) (int64, error)) (*compared, error) {
	var c compared
	if text != "" && (text[0] == '+' || text[0] == '-') {
		c.sign, text = text[0], text[1:]
	}
	var err error
	c.n, err = parse(text)
	return &c, err
}

func (c *compared) holds(v int64) bool {
	switch c.sign {
	case '+':
		return v > c.n
	case '-':
		return v < c.n
	}
	return v == c.n
}
