// Package reading has the options that say how a file is to be read, and what was detected about it.
package reading

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json"

	"function/shared/fault"
)

// Options say how to read a file. What is absent or empty is detected, or has its default.
type Options struct {
	Format             string            `json:"format,omitempty" enum:"csv,json,parquet,avro,orc,arrow" doc:"Overrides the format that the name, the media type and the content suggest"`
	Encoding           string            `json:"encoding,omitempty" maxLength:"64" doc:"CSV and JSON: the character encoding by its name in the WHATWG Encoding Standard or the IANA registry, such as windows-1252. Default: UTF-8, or UTF-16 with a byte order mark"`
	Delimiter          string            `json:"delimiter,omitempty" maxLength:"4" doc:"CSV: what separates fields. Default: detected"`
	Quote              *string           `json:"quote,omitempty" maxLength:"1" nullable:"false" doc:"CSV: the character that encloses fields; empty: none. Default: \""`
	Escape             string            `json:"escape,omitempty" maxLength:"1" doc:"CSV: the character, such as a backslash, that makes a following quote, delimiter or escape character part of the value. Before any other character it is part of the value itself. Default: a quote in a quoted field is doubled"`
	Header             string            `json:"header,omitempty" enum:"present,absent" doc:"CSV: whether the first record names the columns. Default: present"`
	Comment            string            `json:"comment,omitempty" maxLength:"16" doc:"CSV: lines that begin with this text, outside a quoted field, are skipped"`
	SkipLines          int64             `json:"skip_lines,omitempty" minimum:"0" maximum:"1000000" doc:"CSV: how many lines precede the header or the first record"`
	Ragged             string            `json:"ragged,omitempty" enum:"refuse,pad" doc:"CSV: whether a record with fewer fields than the first is refused, or padded with nulls at its end. A record with more fields is always refused. Default: refuse"`
	NullValues         []string          `json:"null_values,omitempty" maxItems:"100" nullable:"false" doc:"CSV and JSON: words that stand for null, such as NA. They are null in columns of every type but text: in a column that stays text they remain words, because NA may be Namibia"`
	DateFormat         string            `json:"date_format,omitempty" maxLength:"64" example:"%d.%m.%Y" doc:"CSV and JSON: how the file writes dates, instead of %Y-%m-%d. Directives: %d, %m, %Y, %y (69 to 99 are in the 20th century), %b and %B (English names of months), %%. A column is a date only if every value has this form"`
	TimestampFormat    string            `json:"timestamp_format,omitempty" maxLength:"64" example:"%d/%m/%Y %H:%M" doc:"CSV and JSON: how the file writes timestamps, instead of ISO 8601. Directives: those of date_format and %H, %I with %p (AM, PM), %M, %S, %f (up to 6 digits of the second's fraction) and %z (Z or an offset: the column is a TIMESTAMPTZ)"`
	DecimalSeparator   string            `json:"decimal_separator,omitempty" pattern:"^[.,]$" doc:"CSV: a full stop or a comma. Default: a full stop"`
	ThousandsSeparator string            `json:"thousands_separator,omitempty" maxLength:"1" doc:"CSV: what groups the digits of numbers: full stop, comma, apostrophe, underscore or a space. Default: nothing"`
	Records            string            `json:"records,omitempty" maxLength:"1024" example:"/data" doc:"JSON: where the array of records is in the document, a JSON Pointer (RFC 6901). GeoJSON has a record for each feature at /features. Default: the whole document"`
	Types              map[string]string `json:"types,omitempty" nullable:"false" doc:"CSV and JSON: types of single columns by name; the others are inferred. Not for a data set with a declared schema"`
}

// HeaderAbsent reports whether the first record of a CSV file is data.
func (o *Options) HeaderAbsent() bool { return o.Header == "absent" }

// Pad reports whether short records are padded.
func (o *Options) Pad() bool { return o.Ragged == "pad" }

// Local reports whether numbers have other separators than those of JSON.
func (o *Options) Local() bool { return o.DecimalSeparator == "," || o.ThousandsSeparator != "" }

// NumberForm returns an RE2 pattern for the numbers of a file with other separators than those of JSON, and the text that
// stands for their decimal point.
func (o *Options) NumberForm() (pattern, point string) {
	point = cmp.Or(o.DecimalSeparator, ".")
	whole := `[0-9]+`
	if o.ThousandsSeparator != "" {
		g := regexp.QuoteMeta(o.ThousandsSeparator)
		whole = fmt.Sprintf(`([0-9]+|[1-9][0-9]{0,2}(%[1]s[0-9]{3})+|[1-9][0-9]?(%[1]s[0-9]{2})+%[1]s[0-9]{3})`, g) // the last as in India
	}
	return `[+-]?` + whole + `(` + regexp.QuoteMeta(point) + `[0-9]+)?([eE][+-]?[0-9]{1,3})?`, point
}

// Parse reads options from a JSON object and checks them. location is where the request has it.
func Parse(text []byte, location string) (Options, error) {
	var o Options
	err := json.Unmarshal(text, &o, json.RejectUnknownMembers(true))
	if err == nil {
		return o, o.check(location)
	}
	var semantic *json.SemanticError
	switch {
	case errors.As(err, &semantic) && errors.Is(err, json.ErrUnknownName):
		return o, fault.At(location, "there is no reading option with the name %s", fault.Excerpt(semantic.JSONPointer.LastToken()))
	case errors.As(err, &semantic) && semantic.JSONPointer != "":
		place := location + strings.ReplaceAll(string(semantic.JSONPointer), "/", ".")
		return o, fault.At(place, "the value has the wrong JSON type for this option")
	}
	return o, fault.At(location, "the reading options must be one JSON object in which no name occurs twice")
}

// formats lists, for the options that only some formats have, these formats.
func (o *Options) formats() []struct {
	name    string
	given   bool
	formats string
} {
	return []struct {
		name    string
		given   bool
		formats string
	}{
		{"encoding", o.Encoding != "", "csv json"},
		{"delimiter", o.Delimiter != "", "csv"},
		{"quote", o.Quote != nil, "csv"},
		{"escape", o.Escape != "", "csv"},
		{"header", o.Header != "", "csv"},
		{"comment", o.Comment != "", "csv"},
		{"skip_lines", o.SkipLines != 0, "csv"},
		{"ragged", o.Ragged != "", "csv"},
		{"null_values", len(o.NullValues) > 0, "csv json"},
		{"date_format", o.DateFormat != "", "csv json"},
		{"timestamp_format", o.TimestampFormat != "", "csv json"},
		{"decimal_separator", o.DecimalSeparator != "", "csv"},
		{"thousands_separator", o.ThousandsSeparator != "", "csv"},
		{"records", o.Records != "", "json"},
		{"types", len(o.Types) > 0, "csv json"},
	}
}

// For refuses options that a format does not have.
func (o *Options) For(format, location string) error {
	for _, option := range o.formats() {
		if option.given && !strings.Contains(option.formats, format) {
			return fault.At(location+"."+option.name, "a %s file does not have this option: it is for %s", format, strings.ReplaceAll(option.formats, " ", " and "))
		}
	}
	return nil
}

// Detected is how a version was read.
type Detected struct {
	Options     Options      `json:"options" doc:"As given at the upload"`
	Format      string       `json:"format,omitempty" enum:"csv,json,parquet,avro,orc,arrow"`
	Compression string       `json:"compression,omitempty" enum:"gzip,zstd,zip,tar"`
	Encoding    string       `json:"encoding,omitempty" doc:"Of text"`
	Delimiter   string       `json:"delimiter,omitempty" doc:"CSV"`
	Quote       *string      `json:"quote,omitempty" doc:"CSV; empty: fields are not quoted"`
	Header      string       `json:"header,omitempty" enum:"present,absent" doc:"CSV"`
	Columns     []ReadColumn `json:"columns,omitempty" doc:"Once profiled"`
}

// ReadColumn is how a column was read.
type ReadColumn struct {
	Name      string   `json:"name"`
	Type      string   `json:"type" doc:"Inferred or declared"`
	NullWords []string `json:"null_words,omitempty" doc:"Words of null_values that became null; in a column of text, common words for null that remained text"`
}

// CommonNullWords are words by which programs write null.
var CommonNullWords = []string{"NA", "N/A", "n/a", "na", "#N/A", "NULL", "Null", "null", "None", "none", "NaN", "nan", "nil", `\N`, "-", "--", ".", "?"}

func wrong(location, name, format string, args ...any) error {
	return fault.At(location+"."+name, "%s", fmt.Sprintf(format, args...))
}
