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
		return []error{&huma.ErrorDetail{Location: where.String(), Message: "expected text that can be seen, without control characters"}}
	}
	return nil
}

// ParseDisplayName makes a text a [DisplayName], of any length, if it is one.
func ParseDisplayName(text string) (name string, ok bool) {
	unseen := strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsGraphic(r) && r != '\u200c' && r != '\u200d' })
	name = strings.Join(strings.Fields(text), " ")
	return name, !unseen && name != ""
}
