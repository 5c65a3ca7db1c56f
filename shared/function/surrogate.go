package function

import (
	"strconv"
	"unicode/utf16"
)

// loneSurrogate finds an escape such as \ud800 without its other half. encoding/json would replace it
// silently.
func loneSurrogate(text []byte) (int, bool) {
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		first, ok := escape(text[i:])
		if !ok || !utf16.IsSurrogate(first) {
			i++ // the escaped character
			continue
		}
		second, ok := escape(text[min(i+6, len(text)):])
		if !ok || utf16.DecodeRune(first, second) == '\ufffd' {
			return i, true
		}
		i += 11
	}
	return 0, false
}

// escape reads an escape of four hexadecimal digits at the beginning of the text.
func escape(text []byte) (rune, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	code, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	return rune(code), err == nil
}
