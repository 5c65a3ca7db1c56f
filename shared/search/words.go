package search

import (
	"slices"
	"strings"
)

// Words returns the words of a text as the function search_words of the database does, of at most 100 characters.
func Words(text string) []string {
	var words []string
	for piece := range pieces(strings.ToLower(fold(text))) {
		runes := []rune(piece)
		if inWord(runes[0]) {
			words = append(words, string(runes[:min(len(runes), maxWord)]))
		}
	}
	return words
}

// NameWords returns the words of a name as it is, and cut where camel case begins a word.
func NameWords(name string) []string {
	words := Words(name)
	for piece := range pieces(name) {
		words = append(words, Words(piece)...)
	}
	slices.Sort(words)
	return slices.Compact(words)
}

// QueryWords returns the words of a query that count.
func QueryWords(text string) []string {
	if runes := []rune(strings.ToValidUTF8(text, " ")); len(runes) > maxText {
		text = string(runes[:maxText])
	}
	words := Words(text)
	return words[:min(len(words), maxWords)]
}

// Prefix reports whether a word of a query finds words that begin with it.
func Prefix(word string) bool { return len([]rune(word)) >= prefixFrom }

// Variants returns a word and what is left of it without one of its letters. Two words that share one of these differ by one letter
// that is missing, added, wrong or exchanged with its neighbour.
func Variants(word string) []string {
	runes := []rune(word)
	if len(runes) < 4 || len(runes) > 30 {
		return nil
	}
	variants := []string{word}
	for i := range runes {
		variants = append(variants, string(slices.Delete(slices.Clone(runes), i, i+1)))
	}
	return variants
}

// Exact returns a value as filters compare it.
func Exact(value string) string {
	runes := []rune(strings.ToLower(strings.ReplaceAll(strings.ToValidUTF8(value, ""), "\x00", "")))
	return string(runes[:min(len(runes), maxWord)])
}
