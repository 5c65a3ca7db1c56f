package duckdb

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// mentions reports whether a table's name occurs in the SQL, ignoring case: as a whole word or as
// a quoted identifier.
func mentions(sql, name string) bool {
	sql, name = strings.ToLower(sql), strings.ToLower(name)
	return mentionsWord(sql, name) || strings.Contains(sql, `"`+strings.ReplaceAll(name, `"`, `""`)+`"`)
}

func mentionsWord(text, word string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false
		}
		begin, end := from+i, from+i+len(word)
		before, _ := utf8.DecodeLastRuneInString(text[:begin])
		after, _ := utf8.DecodeRuneInString(text[end:])
		if !inWord(before) && !inWord(after) && after != '@' {
			return true
		}
		_, size := utf8.DecodeRuneInString(text[begin:])
		from = begin + size
	}
}

func inWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
