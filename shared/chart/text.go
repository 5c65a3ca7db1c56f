package chart

import (
	"math"
	"strconv"
	"strings"
	"unicode"

	"function/shared/resultset"
)

// clean reduces s to one line of at most limit visible runes. Control, formatting (bidirectional
// overrides) and unassigned runes become spaces, and consecutive spaces are merged.
func clean(s string, limit int) string {
	var b strings.Builder
	n, space := 0, false
	for _, r := range s {
		if !unicode.IsGraphic(r) || unicode.IsSpace(r) {
			space = n > 0
			continue
		}
		if n+1 >= limit {
			b.WriteRune('…')
			break
		}
		if space {
			b.WriteByte(' ')
			n++
		}
		b.WriteRune(r)
		n++
		space = false
	}
	return b.String()
}

// firstOf returns the first non-empty string.
func firstOf(strings ...string) string {
	for _, s := range strings {
		if s != "" {
			return s
		}
	}
	return ""
}

// units maps last words of column names (time_ms, size_bytes) to the symbols of the units that they
// name (SI, ISO 4217).
var units = map[string]string{
	"ns": "ns", "us": "µs", "ms": "ms", "sec": "s", "secs": "s", "seconds": "s", "minutes": "min", "hours": "h",
	"bytes": "B", "kb": "kB", "mb": "MB", "gb": "GB", "tb": "TB", "pct": "%", "percent": "%",
	"mm": "mm", "cm": "cm", "km": "km", "kg": "kg", "celsius": "°C", "fahrenheit": "°F", "usd": "USD", "eur": "EUR", "gbp": "GBP",
}

// unit returns the symbol of the unit at the end of a column's name, or an empty string.
func unit(column string) string {
	name := readable(column)
	if i := strings.LastIndex(name, " ("); i > 0 && strings.HasSuffix(name, ")") && !strings.Contains(column, "(") {
		return name[i+2 : len(name)-1]
	}
	return ""
}

// readable returns a column's name in readable form: size_bytes becomes size (B), temp_max becomes
// temp max.
func readable(column string) string {
	name := clean(column, maxLabel)
	if strings.ContainsFunc(name, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		return name // an expression or several words
	}
	words := strings.FieldsFunc(name, func(r rune) bool { return r == '_' })
	if len(words) == 0 {
		return name
	}
	last := len(words) - 1
	if symbol, ok := units[strings.ToLower(words[last])]; ok && last > 0 {
		return strings.Join(words[:last], " ") + " (" + symbol + ")"
	}
	return strings.Join(words, " ")
}

// textWidth estimates the width of s in a sans-serif font of the given size. It errs on the wide
// side because the viewer's font is unknown.
func textWidth(s string, size float64) float64 {
	em := 0.0
	for _, r := range s {
		em += runeWidth(r)
	}
	return em * size
}

func runeWidth(r rune) float64 {
	switch {
	case unicode.Is(unicode.Mn, r):
		return 0
	case r >= 0x1100:
		return 1
	case strings.ContainsRune("fijlrtI .,:;'|!()[]", r):
		return 0.36
	case strings.ContainsRune("mwMW@%&", r):
		return 0.92
	case unicode.IsUpper(r):
		return 0.72
	}
	return 0.6
}

// shorten truncates s with an ellipsis to the given width.
func shorten(s string, size, width float64) string {
	if textWidth(s, size) <= width {
		return s
	}
	room := width/size - runeWidth('…')
	for i, r := range s {
		if room -= runeWidth(r); room < 0 {
			return strings.TrimRight(s[:i], " ") + "…"
		}
	}
	return s
}

// formatNumber formats v with four significant digits or as a whole integer, in groups of three.
// Very large and very small numbers have an exponent.
func formatNumber(v float64) string {
	size := math.Abs(v)
	switch {
	case size != 0 && (size < 1e-4 || size >= 1e15):
		return strconv.FormatFloat(v, 'g', 4, 64)
	case v == math.Trunc(v):
		return group(strconv.FormatFloat(v, 'f', 0, 64))
	}
	decimals := max(0, 3-int(math.Floor(math.Log10(size))))
	return group(trimZeros(strconv.FormatFloat(v, 'f', decimals, 64)))
}

// decimals returns the number of decimals for all numbers of a column: as many as exact decimals
// have, and for floating-point numbers at most two, or enough to show four digits of the largest.
func decimals(set *resultset.Set, column int) int {
	const most = 10
	longest, largest, exact := 0, 0.0, true
	for _, row := range set.Rows {
		v := cell(row, column)
		n := number(v)
		if math.IsNaN(n) {
			continue
		}
		digits, ok := v.(string)
		if !ok || strings.ContainsAny(digits, "eE") {
			digits, exact = strconv.FormatFloat(n, 'f', -1, 64), false
		}
		_, fraction, _ := strings.Cut(digits, ".")
		longest, largest = max(longest, len(fraction)), max(largest, math.Abs(n))
	}
	if exact || longest <= 2 || largest == 0 {
		return min(longest, most)
	}
	return min(longest, max(2, 3-int(math.Floor(math.Log10(largest)))), most)
}

// formatDecimals formats v with a number of decimals, unless that would yield zero or too many
// digits.
func formatDecimals(v float64, decimals int) string {
	if size := math.Abs(v); size >= 1e15 || size != 0 && size < 0.5*math.Pow10(-decimals) {
		return formatNumber(v)
	}
	return group(strconv.FormatFloat(v, 'f', decimals, 64))
}

func trimZeros(digits string) string {
	if !strings.Contains(digits, ".") {
		return digits
	}
	return strings.TrimSuffix(strings.TrimRight(digits, "0"), ".")
}

// group inserts commas into the integer part and uses a typographic minus sign.
func group(digits string) string {
	whole, fraction, _ := strings.Cut(digits, ".")
	whole, negative := strings.CutPrefix(whole, "-")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction != "" {
		whole += "." + fraction
	}
	if negative {
		whole = "−" + whole
	}
	return whole
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return formatNumber(float64(n)) + " " + noun + "s"
}
