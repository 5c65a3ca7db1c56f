// Package inference finds the narrowest type that keeps every value of a column of text.
package inference

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"function/shared/ingest/reading"
)

// Forms are the forms that values have in the text of a file.
type Forms struct {
	nulls           map[string]bool     // words for null
	words           map[string]bool     // these, and common ones
	date, timestamp *reading.TimeFormat // nil: ISO 8601
	longest         int                 // length of the longest word
	number          *regexp.Regexp      // nil: as in JSON
	plain           *strings.Replacer   // turns a number of that form into one as in JSON
}

// NewForms returns the forms that the reading options set. date and timestamp are the options' formats, or nil.
func NewForms(o *reading.Options, date, timestamp *reading.TimeFormat) *Forms {
	f := &Forms{nulls: map[string]bool{}, words: map[string]bool{}, date: date, timestamp: timestamp}
	for _, word := range o.NullValues {
		f.nulls[word], f.words[word] = true, true
	}
	for _, word := range reading.CommonNullWords {
		f.words[word] = true
	}
	for word := range f.words {
		f.longest = max(f.longest, len(word))
	}
	if o.Local() {
		form, point := o.NumberForm()
		f.number = regexp.MustCompile(`^(?:` + form + `)$`)
		if o.ThousandsSeparator == "" {
			f.plain = strings.NewReplacer(point, ".")
		} else {
			f.plain = strings.NewReplacer(o.ThousandsSeparator, "", point, ".")
		}
	}
	return f
}

// Column collects what its values tell about their type.
type Column struct {
	forms *Forms
	kind  kind

	some         bool // there is a value
	classes      classes
	scale, whole int  // the most digits of a number without exponent, after and before its point
	mixed        bool // text, whatever follows
	not          [others]bool
	words        map[string]bool // words for null among the values
}

type kind int

const (
	field      kind = iota // of a CSV file: may be of any type
	jsonString             // a date, a timestamp or text
	jsonNumber
)

// Types other than numbers.
const (
	boolean = iota
	date
	timestamp
	zoned
	others
)

var names = [others]string{"BOOLEAN", "DATE", "TIMESTAMP", "TIMESTAMPTZ"}

// Field returns a column of a CSV file. Empty values are null.
func (f *Forms) Field() *Column { return &Column{forms: f, kind: field} }

// String returns a column of JSON strings.
func (f *Forms) String() *Column {
	return &Column{forms: f, kind: jsonString, classes: notNumber, not: [others]bool{boolean: true}}
}

// Number returns a column of JSON numbers.
func (f *Forms) Number() *Column {
	return &Column{forms: f, kind: jsonNumber, not: [others]bool{true, true, true, true}}
}

// Words returns the words for null among the values, sorted: those of the reading options, and in a column of text also
// common ones.
func (c *Column) Words(text bool) (words []string) {
	for word := range c.words {
		if text || c.forms.nulls[word] {
			words = append(words, word)
		}
	}
	slices.Sort(words)
	return words
}

// Add adds a value.
func (c *Column) Add(value []byte) {
	if len(value) == 0 && c.kind == field {
		return
	}
	if len(value) <= c.forms.longest && c.forms.words[string(value)] {
		if c.words == nil {
			c.words = map[string]bool{}
		}
		c.words[string(value)] = true
		if c.forms.nulls[string(value)] {
			return
		}
	}
	if c.mixed {
		return
	}
	c.some = true
	if c.classes&notNumber == 0 {
		c.addNumber(value)
	}
	f := c.forms
	c.not[boolean] = c.not[boolean] || !isBoolean(value)
	if !c.not[date] {
		if f.date == nil {
			c.not[date] = !isDate(value)
		} else {
			c.not[date] = !f.date.Matches(value)
		}
	}
	if !c.not[timestamp] || !c.not[zoned] {
		c.addTimestamp(value)
	}
	c.mixed = c.classes&notNumber != 0 && !slices.Contains(c.not[:], false)
}

func (c *Column) addNumber(value []byte) {
	if c.forms.number != nil && c.kind == field {
		if !c.forms.number.Match(value) {
			c.classes |= notNumber
			return
		}
		value = []byte(c.forms.plain.Replace(string(value)))
	}
	n := parseNumber(value)
	c.classes |= n.class
	c.scale, c.whole = max(c.scale, n.scale), max(c.whole, n.whole)
}

func (c *Column) addTimestamp(value []byte) {
	f := c.forms.timestamp
	if f != nil {
		matches := f.Matches(value)
		if f.Zoned {
			c.not[zoned] = c.not[zoned] || !matches
		} else {
			c.not[timestamp] = c.not[timestamp] || !matches
		}
	}
	local, offset := isTimestamp(value)
	if f == nil || f.Zoned {
		c.not[timestamp] = c.not[timestamp] || !local
	}
	if f == nil || !f.Zoned {
		c.not[zoned] = c.not[zoned] || !offset
	}
}

// Type returns the DuckDB type of the column.
func (c *Column) Type() string {
	if !c.some || c.mixed {
		return "VARCHAR"
	}
	var types []string
	n := c.numberType()
	if n != "" {
		types = append(types, n)
	}
	for i, not := range c.not {
		if !not {
			types = append(types, names[i])
		}
	}
	if n != "" && len(types) == 2 {
		types = types[1:] // digits that are dates in the form that the reading options set, such as 20241231
	}
	if len(types) != 1 {
		return "VARCHAR"
	}
	return types[0]
}

// numberType returns the type that keeps all numbers exactly, or "" if there is none.
func (c *Column) numberType() string {
	seen := c.classes
	if seen&bareExponent != 0 && (c.kind == jsonNumber || seen&(shortFraction|shortExponent) != 0) {
		seen = seen&^bareExponent | shortExponent // with fractions beside it, or in JSON, 1E5 is a number, not an identifier
	}
	if c.forms.number != nil && c.kind == field && seen&shortFraction != 0 && seen&shortExponent == 0 {
		seen |= longFraction // numbers that are written for people are decimals
	}
	within := func(classes classes) bool { return seen&^classes == 0 }
	switch digits := c.scale + c.whole; {
	case within(shortInteger | longInteger):
		return "BIGINT"
	case within(shortInteger | shortFraction | shortExponent):
		return "DOUBLE"
	case !within(shortInteger | longInteger | hugeInteger | shortFraction | longFraction):
		return ""
	case digits <= 18 && c.scale > 0: // a machine word
		return fmt.Sprintf("DECIMAL(18,%d)", c.scale)
	case digits <= 38:
		return fmt.Sprintf("DECIMAL(38,%d)", c.scale)
	}
	return ""
}
