package fault

import "strconv"

// Excerpt quotes what a sentence repeats from its reader's own input, cut to 40 characters.
func Excerpt(s string) string {
	if runes := []rune(s); len(runes) > 40 {
		s = string(runes[:40]) + "…"
	}
	return strconv.Quote(s)
}
