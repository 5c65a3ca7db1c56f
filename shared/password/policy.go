package password

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"function/shared/password/common"
)

// MaxLength is the maximum length of a password in characters, all of which count (NIST SP
// 800-63B-4 §3.1.1.2 requires at least 64).
const MaxLength = 256

// The minimum lengths of NIST SP 800-63B-4 §3.1.1.2 in characters: for passwords used with a second
// factor (also OWASP ASVS 5.0 §6.2.1), and for passwords that are the only factor.
const (
	MinLengthWithSecondFactor = 8
	MinLengthAlone            = 15
)

// minScore is the minimum score: more than a million guesses ([Strength]). Common words, keyboard
// rows and years with a few changes score less.
const minScore = 2

// Policy defines which new passwords are acceptable. It has no composition rules: they lead to
// passwords that people forget and attackers expect.
type Policy struct {
	MinLength int // minimum length in characters of the NFKC form; at least MinLengthWithSecondFactor
}

// Check returns why a password is not acceptable, as a sentence for the person, or an empty string
// if it is. words are context words such as the person's names and address.
func (p Policy) Check(password string, words ...string) string {
	folded := common.Fold(password)
	strength := Estimate(password, words...)
	switch n := utf8.RuneCountInString(norm.NFKC.String(password)); {
	case n < p.MinLength:
		return fmt.Sprintf("Use at least %d characters", p.MinLength)
	case utf8.RuneCountInString(password) > MaxLength:
		return fmt.Sprintf("Use at most %d characters", MaxLength)
	case common.Rank(folded) > 0:
		return "This is one of the most common passwords. Choose a different one."
	case consistsOf(folded, parts(words)):
		return "It consists of your name, your address or the name of this service. Choose a different one."
	case strength.Score < minScore:
		return "This password is too easy to guess. " + strength.Hint
	}
	return ""
}

// service lists the names of this service.
var service = []string{"002aic", "aic-data", "appliedinnovationcorp", "applied innovation corp"}

// minWordLength is the minimum length of a context word.
const minWordLength = 3

// minOwnCharacters is the number of characters that a password needs besides context words: a year
// is not enough.
const minOwnCharacters = 5

// parts returns the context words and their components, folded, longest first.
func parts(words []string) []string {
	var found []string
	for _, w := range append(words, service...) {
		w = common.Fold(w)
		found = append(found, w)
		found = append(found, strings.FieldsFunc(w, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })...)
		found = append(found, strings.FieldsFunc(w, func(r rune) bool { return !unicode.IsLetter(r) })...)
	}
	found = slices.DeleteFunc(found, func(w string) bool { return utf8.RuneCountInString(w) < minWordLength })
	slices.SortFunc(found, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	return slices.Compact(found)
}

// consistsOf reports whether little or only a common password remains of a password once the words
// are removed. It tries the password as it is, and without digits that are mixed in.
func consistsOf(folded string, words []string) bool {
	rest, found := without(folded, words)
	rest = strings.TrimFunc(rest, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if found && (utf8.RuneCountInString(rest) < minOwnCharacters || common.Rank(rest) > 0) {
		return true
	}
	digits := 0
	letters := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r):
			return r
		case unicode.IsDigit(r):
			digits++
		}
		return -1
	}, folded)
	rest, found = without(letters, words)
	return found && utf8.RuneCountInString(rest)+digits < minOwnCharacters
}

func without(text string, words []string) (rest string, found bool) {
	rest = text
	for _, w := range words {
		rest = strings.ReplaceAll(rest, w, "")
	}
	return rest, rest != text
}
