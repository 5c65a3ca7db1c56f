package reading

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"function/shared/ingest/textfile"
)

const (
	maxSkip       = 1_000_000
	maxNullValues = 100
	maxTypes      = 2000
	maxText       = 255 // bytes of a word or a column's name
)

// thousands lists the characters that group digits.
const thousands = ".,'’_ \u00a0\u2009\u202f"

// check refuses options that contradict each other, or that no file can have.
func (o *Options) check(location string) error {
	for _, check := range []func(string) error{o.checkWords, o.checkSigns, o.checkNumbers, o.checkFormats, o.checkTypes} {
		if err := check(location); err != nil {
			return err
		}
	}
	return nil
}

// checkWords checks the options that have a list of values.
func (o *Options) checkWords(location string) error {
	for _, option := range []struct{ name, value, allowed string }{
		{"format", o.Format, "csv json parquet avro orc arrow"},
		{"header", o.Header, "present absent"},
		{"ragged", o.Ragged, "refuse pad"},
	} {
		if allowed := strings.Fields(option.allowed); option.value != "" && !slices.Contains(allowed, option.value) {
			return wrong(location, option.name, "this must be one of: %s", strings.Join(allowed, ", "))
		}
	}
	if _, err := textfile.Encoding(nil, o.Encoding); err != nil {
		return wrong(location, "encoding", "this encoding is unknown: give its name in the WHATWG Encoding Standard or the IANA registry, such as windows-1252")
	}
	if o.SkipLines < 0 || o.SkipLines > maxSkip {
		return wrong(location, "skip_lines", "this must be a number from 0 to %d", maxSkip)
	}
	if len(o.NullValues) > maxNullValues {
		return wrong(location, "null_values", "at most %d words are possible", maxNullValues)
	}
	for i, word := range o.NullValues {
		if len(word) > maxText || strings.ContainsRune(word, 0) {
			return wrong(location, fmt.Sprintf("null_values[%d]", i), "this must be a word of at most %d bytes, without the character U+0000", maxText)
		}
	}
	return nil
}

// checkSigns checks the characters that structure a CSV file.
func (o *Options) checkSigns(location string) error {
	quote := `"`
	if o.Quote != nil {
		quote = *o.Quote
	}
	for _, option := range []struct {
		name, value string
		most        int
	}{{"delimiter", o.Delimiter, 4}, {"quote", quote, 1}, {"escape", o.Escape, 1}, {"comment", o.Comment, 16}} {
		if n := utf8.RuneCountInString(option.value); n > option.most {
			return wrong(location, option.name, "this has %d characters; at most %d are possible", n, option.most)
		}
		if strings.ContainsAny(option.value, "\x00\r\n\ufeff") {
			return wrong(location, option.name, "this must not contain a line break, U+0000 or a byte order mark")
		}
	}
	switch {
	case quote != "" && strings.Contains(o.Delimiter, quote):
		return wrong(location, "delimiter", "the delimiter must not contain the quote character: set quote to another character, or to an empty text for none")
	case o.Escape != "" && strings.Contains(o.Delimiter, o.Escape):
		return wrong(location, "escape", "the escape character must not occur in the delimiter")
	case quote != "" && strings.HasPrefix(o.Comment, quote):
		return wrong(location, "comment", "a comment must not begin with the quote character, because a record may")
	case o.Comment != "" && o.Delimiter != "" && strings.HasPrefix(o.Comment, o.Delimiter):
		return wrong(location, "comment", "a comment must not begin with the delimiter, because a record may")
	}
	return nil
}

func (o *Options) checkNumbers(location string) error {
	point := o.DecimalSeparator
	if point == "" {
		point = "."
	}
	switch {
	case point != "." && point != ",":
		return wrong(location, "decimal_separator", "this must be a full stop or a comma")
	case utf8.RuneCountInString(o.ThousandsSeparator) > 1 || !strings.Contains(thousands, o.ThousandsSeparator):
		return wrong(location, "thousands_separator", "this must be a full stop, a comma, an apostrophe, an underscore or a space")
	case o.ThousandsSeparator == point:
		return wrong(location, "thousands_separator", "this must differ from decimal_separator, which is a full stop unless it is given")
	}
	return nil
}

// checkFormats checks the formats of dates, and the JSON Pointer.
func (o *Options) checkFormats(location string) error {
	if o.DateFormat != "" {
		if _, err := NewTimeFormat(o.DateFormat, false); err != nil {
			return wrong(location, "date_format", "%s", err)
		}
	}
	if o.TimestampFormat != "" {
		if _, err := NewTimeFormat(o.TimestampFormat, true); err != nil {
			return wrong(location, "timestamp_format", "%s", err)
		}
	}
	if o.Records == "" {
		return nil
	}
	plain := strings.NewReplacer("~0", "", "~1", "").Replace(o.Records)
	if o.Records[0] != '/' || strings.Contains(plain, "~") || len(o.Records) > 1024 || strings.ContainsFunc(o.Records, unicode.IsControl) {
		return wrong(location, "records", "this must be a JSON Pointer (RFC 6901), such as /data or /result/items")
	}
	return nil
}

func (o *Options) checkTypes(location string) error {
	if len(o.Types) > maxTypes {
		return wrong(location, "types", "at most %d columns are possible", maxTypes)
	}
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(o.Types)) {
		if len(name) > maxText || strings.ContainsFunc(name, unicode.IsControl) {
			return wrong(location, "types", "a column's name has at most %d bytes and no control characters", maxText)
		}
		at := "types." + name
		if _, ok := SQLType(o.Types[name]); !ok {
			return wrong(location, at, "this is not a type that a column can have, such as VARCHAR, BIGINT, DOUBLE, DECIMAL(18,2), BOOLEAN, DATE or TIMESTAMP")
		}
		if seen[strings.ToLower(name)] {
			return wrong(location, at, "another column has this name; names are case-insensitive")
		}
		seen[strings.ToLower(name)] = true
	}
	return nil
}
