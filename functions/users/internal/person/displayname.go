package person

import (
	"strings"
	"unicode"

	"github.com/danielgtaylor/huma/v2"
)

// DisplayName is what people call an organization or something in it: letters, marks,
// digits, punctuation and symbols of any script, with single spaces between words. What
// cannot be seen is refused, so that names that look the same are the same; the joiners
// that scripts need (U+200C, U+200D) are let in, and do not count where names are compared.
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

// ParseDisplayName makes a text a [DisplayName], of any length, if it is one.
func ParseDisplayName(text string) (name string, ok bool) {
	unseen := strings.ContainsFunc(text, func(r rune) bool { return !Shown(r) })
	name = strings.Join(strings.Fields(text), " ")
	return name, !unseen && strings.ContainsFunc(name, func(r rune) bool { return unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S) })
}

// blanks are letters and symbols that look like a space or like nothing.
const blanks = "\u115f\u1160\u2800\u3164\uffa0"

// Shown tells whether a name may hold a character: one that is seen, a space, or a joiner
// that scripts need. Controls, marks of direction and the like are none.
func Shown(r rune) bool {
	return unicode.IsGraphic(r) && !strings.ContainsRune(blanks, r) || r == '\u200c' || r == '\u200d'
}
