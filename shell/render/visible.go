package render

import (
	"unicode"
	"unicode/utf8"
)

// AppendVisible appends text with everything a terminal might act on spelled
// out: control characters as \x1b or \u009b, bytes that are not UTF-8 as \xff,
// and the characters that reorder or hide text (Unicode category Cf: bidi
// overrides, zero width) as \u202e. Line breaks and tabs stay.
func AppendVisible(b, text []byte) []byte {
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if c >= 0x20 && c != 0x7f || c == '\n' || c == '\t' {
				b = append(b, c)
			} else {
				b = appendByteEscape(b, c)
			}
			i++
			continue
		}
		if !utf8.FullRune(text[i:]) {
			b = appendByteEscape(b, c)
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b = appendByteEscape(b, c)
		case hides(r):
			b = appendRuneEscape(b, r)
		default:
			b = append(b, text[i:i+size]...)
		}
		i += size
	}
	return b
}

// Visible is AppendVisible for a string.
func Visible(text string) string {
	for i := 0; i < len(text); i++ {
		if c := text[i]; c < 0x20 || c >= 0x7f {
			return string(AppendVisible(nil, []byte(text)))
		}
	}
	return text
}

func hides(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029'
}

func appendByteEscape(b []byte, c byte) []byte {
	return append(b, '\\', 'x', hexDigit(c>>4), hexDigit(c))
}

func appendRuneEscape(b []byte, r rune) []byte {
	digits := 4
	b = append(b, '\\', 'u')
	if r > 0xffff {
		b[len(b)-1] = 'U'
		digits = 8
	}
	for shift := (digits - 1) * 4; shift >= 0; shift -= 4 {
		b = append(b, hexDigit(byte(r>>shift)))
	}
	return b
}
