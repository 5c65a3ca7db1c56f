package inference

import "bytes"

// classes is a set of classes of numbers.
type classes uint8

const (
	shortInteger  classes = 1 << iota // canonical, at most 15 digits: exact as BIGINT, DOUBLE and DECIMAL
	longInteger                       // canonical, of 64 bits
	hugeInteger                       // canonical, wider
	shortFraction                     // at most 15 significant digits, no exponent
	longFraction                      // more digits, no exponent
	shortExponent                     // at most 15 significant digits, an exponent of at most two digits
	bareExponent                      // the same in a form that identifiers have, too: 1E5
	notNumber
)

// number is what a text tells about a number.
type number struct {
	class        classes
	scale, whole int // digits after and before the point
}

// parseNumber reads a number as JSON writes it (RFC 8259 §6).
func parseNumber(text []byte) number {
	digits := text
	negative := len(digits) > 0 && digits[0] == '-'
	if negative {
		digits = digits[1:]
	}
	whole := leadingDigits(digits)
	if whole == 0 || whole > 1 && digits[0] == '0' {
		return number{class: notNumber}
	}
	rest := digits[whole:]
	if len(rest) == 0 {
		return number{integer(digits, negative), 0, whole}
	}
	scale := 0
	if rest[0] == '.' {
		if scale = leadingDigits(rest[1:]); scale == 0 {
			return number{class: notNumber}
		}
		rest = rest[1+scale:]
	}
	short := significant(digits[:len(digits)-len(rest)]) <= 15
	if len(rest) == 0 {
		if short {
			return number{shortFraction, scale, whole}
		}
		return number{longFraction, scale, whole}
	}
	if !short || rest[0] != 'e' && rest[0] != 'E' {
		return number{class: notNumber}
	}
	rest = rest[1:]
	signed := len(rest) > 0 && (rest[0] == '-' || rest[0] == '+')
	if signed {
		rest = rest[1:]
	}
	if n := leadingDigits(rest); n != len(rest) || n == 0 || n > 2 {
		return number{class: notNumber}
	}
	if scale > 0 || whole == 1 && signed { // as programs write it: 1.5e3, 1e-05
		return number{class: shortExponent}
	}
	return number{class: bareExponent}
}

// maxBigint and minBigint are the digits of the widest integers of 64 bits.
var maxBigint, minBigint = []byte("9223372036854775807"), []byte("9223372036854775808")

func integer(digits []byte, negative bool) classes {
	limit := maxBigint
	if negative {
		limit = minBigint
	}
	switch {
	case negative && digits[0] == '0': // only DOUBLE keeps the sign
		return shortFraction
	case len(digits) <= 15:
		return shortInteger
	case len(digits) < len(limit) || len(digits) == len(limit) && bytes.Compare(digits, limit) <= 0:
		return longInteger
	}
	return hugeInteger
}

func leadingDigits(text []byte) int {
	for i, b := range text {
		if b < '0' || b > '9' {
			return i
		}
	}
	return len(text)
}

// significant returns the number of digits after the leading zeros of a number without sign and exponent.
func significant(text []byte) int {
	n, leading := 0, true
	for _, b := range text {
		if leading = leading && (b == '0' || b == '.'); !leading && b != '.' {
			n++
		}
	}
	return n
}
