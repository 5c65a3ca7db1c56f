package person

import (
	"strings"
	"unicode"

	"github.com/danielgtaylor/huma/v2"
)

// DisplayName is the name of an organization or of something in it: letters, marks, digits,
// punctuation and symbols of any script, with single spaces between words. Invisible
// characters are refused, so that names that look the same are the same. The joiners that
// some scripts need (U+200C, U+200D) are allowed and ignored when names are compared.
type DisplayName string

// Resolve implements huma.ResolverWithPath.
func (n *DisplayName) Resolve(_ huma.Context, where *huma.PathBuffer) []error {
	parsed, ok := ParseDisplayName(string(*n))
	*n = DisplayName(parsed)
	if !ok {
		return []error{&huma.ErrorDetail{Location: where.String(), Message: "expected visible text without control characters"}}
	}
	return nil
}

// ParseDisplayName normalizes a text of any length to a [DisplayName], if it is valid.
func ParseDisplayName(text string) (name string, ok bool) {
	unseen := strings.ContainsFunc(text, func(r rune) bool { return !IsVisible(r) })
	name = strings.Join(strings.Fields(text), " ")
	return name, !unseen && strings.ContainsFunc(name, func(r rune) bool { return unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S) })
}

// blanks are letters and symbols that look like a space or are invisible.
const blanks = "\u115f\u1160\u2800\u3164\uffa0"

// IsVisible reports whether a name may contain a character: a visible one, a space, or a joiner
// that scripts need. Control characters and direction marks are not allowed.
func IsVisible(r rune) bool {
	return unicode.IsGraphic(r) && !strings.ContainsRune(blanks, r) || r == '\u200c' || r == '\u200d'
}
