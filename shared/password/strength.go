package password

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"function/shared/password/common"
)

// Strength estimates the cost of guessing a password for an attacker who knows how people choose:
// whole words, keyboard rows, repetitions, years. It follows the idea and scale of zxcvbn (Wheeler,
// USENIX Security 2016) but not its dictionaries: the Go ports load theirs into every process at
// startup, 6 MiB in 20 to 40 ms.
type Strength struct {
	Guesses float64 // as a power of ten
	Score   int     // 0 under 10³ guesses, 1 under 10⁶, 2 under 10⁸, 3 under 10¹⁰, 4
	Hint    string  // how to improve it; empty for scores of 3 and above
}

// scores are the guesses, as powers of ten, at which scores 1 to 4 begin.
var scores = [...]float64{3, 6, 8, 10}

// maxExamined is the number of characters that are examined: more of them cannot weaken a password,
// and the time grows with the square.
const maxExamined = 72

// Estimate returns the strength of a password against an attacker who knows words about the person,
// such as names and the address.
func Estimate(password string, words ...string) Strength {
	folded := common.Fold(password)
	runes := []rune(folded)
	runes = runes[:min(len(runes), maxExamined)]
	e := estimator{typed: newText(runes), plain: newText([]rune(plain.Replace(string(runes)))), words: parts(words)}
	s := Strength{Guesses: e.cheapest(len(runes))}
	if password != folded {
		s.Guesses += math.Log10(2) // the position of capitals
	}
	for s.Score < len(scores) && s.Guesses >= scores[s.Score] {
		s.Score++
	}
	if s.Score < 3 {
		s.Hint = e.hint(folded)
	}
	return s
}

// plain reverts common single-character substitutions.
var plain = strings.NewReplacer("4", "a", "@", "a", "3", "e", "1", "l", "!", "i", "0", "o", "$", "s", "5", "s", "7", "t")

// text is a string with access to characters by index.
type text struct {
	s  string
	at []int // byte offset of each character, and of the end
}

func newText(runes []rune) text {
	t := text{s: string(runes)}
	for i := range t.s {
		t.at = append(t.at, i)
	}
	t.at = append(t.at, len(t.s))
	return t
}

func (t text) part(start, end int) string { return t.s[t.at[start]:t.at[end]] }

type estimator struct {
	typed, plain text
	words        []string
	patterns     bool // the cheapest way contains a row, a repetition or a year
}

// cheapest returns the cost of the cheapest way to guess the first n characters part by part.
func (e *estimator) cheapest(n int) float64 {
	best, pattern := make([]float64, n+1), make([]bool, n+1)
	for end := 1; end <= n; end++ {
		best[end], pattern[end] = best[end-1]+1, pattern[end-1] // any character costs ten guesses, as in zxcvbn
		for start := 0; start <= end-minWordLength; start++ {
			cost, isPattern := e.part(start, end)
			if total := best[start] + cost; total < best[end] {
				best[end], pattern[end] = total, pattern[start] || isPattern
			}
		}
	}
	e.patterns = pattern[n]
	return best[n]
}

// longestWord exceeds the length of real words among the common passwords.
const longestWord = 24

// part returns the cost of guessing one part as a whole, or infinity.
func (e *estimator) part(start, end int) (cost float64, isPattern bool) {
	cost = math.Inf(1)
	typed, size := e.typed.part(start, end), end-start
	if size <= longestWord {
		cost = min(cost, word(typed, e.words))
		if p := e.plain.part(start, end); p != typed {
			cost = min(cost, word(p, e.words)+math.Log10(2))
		}
		if row(typed) {
			return min(cost, 1+math.Log10(float64(size))), true
		}
		if year(typed) {
			return min(cost, math.Log10(150)), true
		}
	}
	if period := e.period(start, end); period > 0 {
		once := min(float64(period), word(e.typed.part(start, start+period), e.words))
		return min(cost, once+math.Log10(float64(size/period))), true
	}
	return cost, false
}

func word(folded string, own []string) float64 {
	if slices.Contains(own, folded) {
		return 1
	}
	if rank := common.Rank(folded); rank > 0 {
		return math.Log10(float64(rank))
	}
	return math.Inf(1)
}

// rows are adjacent keys and well-known sequences, in both directions.
var rows = func() string {
	var b strings.Builder
	for _, row := range []string{"qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop", "1qaz2wsx3edc4rfv5tgb6yhn7ujm", "abcdefghijklmnopqrstuvwxyz", "01234567890"} {
		back := []byte(row)
		slices.Reverse(back)
		b.WriteString(row + " " + string(back) + " ")
	}
	return b.String()
}()

func row(part string) bool { return !strings.Contains(part, " ") && strings.Contains(rows, part) }

func year(part string) bool {
	n, err := strconv.Atoi(part)
	return err == nil && len(part) == 4 && n >= 1900 && n < 2050
}

// longestPeriod is the maximum length of a repeated unit.
const longestPeriod = 12

// period returns the length of the unit that a part repeats, or 0.
func (e *estimator) period(start, end int) int {
	size := end - start
	for period := 1; period <= min(size/2, longestPeriod); period++ {
		if size%period == 0 && e.typed.part(start, end-period) == e.typed.part(start+period, end) {
			return period
		}
	}
	return 0
}

func (e *estimator) hint(folded string) string {
	switch {
	case common.Rank(folded) > 0:
		return "This is one of the most common passwords: use several unrelated words"
	case consistsOf(folded, e.words):
		return "Do not use your name, your address or the name of this service"
	case e.patterns:
		return "Keyboard patterns, repetitions and years are easy to guess: add a word or two instead"
	case utf8.RuneCountInString(folded) < 15:
		return "Add a word or two: length matters more than special characters"
	}
	return "Use less closely related words"
}
