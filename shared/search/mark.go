package search

import (
	"html"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Mark returns a text as HTML, with the words that a query looked for in <mark>, and whether there are any. words are
// Found.Words.
func Mark(text string, words []string) (marked string, any bool) {
	var b strings.Builder
	for piece := range pieces(text) {
		escaped := html.EscapeString(piece)
		if hit(fold(piece), words) {
			any = true
			escaped = "<mark>" + escaped + "</mark>"
		}
		b.WriteString(escaped)
	}
	return b.String(), any
}

// pieces yields the words of a text and what is between them.
func pieces(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		start, previous := 0, rune(0)
		for i, r := range text {
			if i > 0 && cut(previous, r) {
				if !yield(text[start:i]) {
					return
				}
				start = i
			}
			previous = r
		}
		if start < len(text) {
			yield(text[start:])
		}
	}
}

// cut reports whether a word begins or ends between two characters.
func cut(a, b rune) bool {
	switch {
	case inWord(a) != inWord(b):
		return true
	case !inWord(a):
		return false
	case alone(a) || alone(b):
		return true
	}
	return (unicode.IsLower(a) || unicode.IsDigit(a)) && unicode.IsUpper(b)
}

func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r) }

// alone reports whether a character is of a script that is written without spaces.
func alone(r rune) bool {
	return r >= 0x0e00 && r <= 0x0eff || r >= 0x3040 && r <= 0x30ff || r >= 0x3400 && r <= 0x9fff || r >= 0xf900 && r <= 0xfaff
}

// fold returns a word in lower case without accents.
func fold(text string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(text) {
		if r < 0x0300 || r > 0x036f {
			b.WriteRune(r)
		}
	}
	return strings.NewReplacer("ø", "o", "ł", "l", "đ", "d", "ħ", "h", "ı", "i", "ß", "ss").Replace(strings.ToLower(b.String()))
}

func hit(folded string, words []string) bool {
	for _, w := range words {
		if folded == w || len([]rune(w)) >= prefixFrom && strings.HasPrefix(folded, w) {
			return true
		}
	}
	return false
}
