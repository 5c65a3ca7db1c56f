package document

import (
	"cmp"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// number is a decimal number, exactly: ±0.digits × 10^scale. Equal numbers have equal fields,
// whatever the way in which they were written. Zero has no digits.
type number struct {
	negative bool
	digits   string // without zeros at either end
	scale    int
}

var errScale = errors.New("the exponent of the number is outside of -6144 to 6144: send it as a string, or scale it")

func parseNumber(n json.Number) (number, error) {
	text, negative := strings.CutPrefix(n.String(), "-")
	mantissa, exponent := text, 0
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		var err error
		if exponent, err = strconv.Atoi(text[i+1:]); err != nil {
			return number{}, errScale
		}
		mantissa = text[:i]
	}
	if exponent > maxScale || exponent < -maxScale {
		return number{}, errScale
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	leading := len(digits) - len(strings.TrimLeft(digits, "0"))
	digits = strings.Trim(digits, "0")
	if digits == "" {
		return number{}, nil
	}
	return number{negative: negative, digits: digits, scale: len(whole) - leading + exponent}, nil
}

// key returns a text that is equal for equal numbers.
func (n number) key() string {
	sign := "+"
	if n.negative {
		sign = "-"
	}
	return sign + n.digits + "e" + strconv.Itoa(n.scale)
}

func (n number) compare(m number) int {
	sign := func(n number) int {
		switch {
		case n.digits == "":
			return 0
		case n.negative:
			return -1
		}
		return 1
	}
	if s := sign(n); s != sign(m) || s == 0 {
		return cmp.Compare(s, sign(m))
	} else if n.scale != m.scale {
		return s * cmp.Compare(n.scale, m.scale)
	} else {
		return s * cmp.Compare(n.digits, m.digits)
	}
}
