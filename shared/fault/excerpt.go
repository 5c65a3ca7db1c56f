package fault

import "strconv"

// Excerpt quotes a part of the caller's own input for use in a sentence, cut to 40 characters.
func Excerpt(s string) string {
	if runes := []rune(s); len(runes) > 40 {
		s = string(runes[:40]) + "…"
	}
	return strconv.Quote(s)
}
