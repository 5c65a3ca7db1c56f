package reading

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// directive is one directive of a format for dates and timestamps.
type directive struct {
	part    string // what it gives: two directives must not give the same
	clock   bool   // only in timestamps
	padded  string // RE2 pattern with all digits
	pattern string // the same, which may lack leading zeros
}

const (
	abbreviations = `jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec`

	months = `(?i:january|february|march|april|may|june|july|august|september|october|november|december)`
	abbr   = `(?i:` + abbreviations + `)`
	zone   = `(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)`
)

var directives = map[byte]directive{
	'd': {"day", false, `(0[1-9]|[12][0-9]|3[01])`, `(0?[1-9]|[12][0-9]|3[01])`},
	'm': {"month", false, `(0[1-9]|1[0-2])`, `(0?[1-9]|1[0-2])`},
	'Y': {"year", false, `[0-9]{4}`, `[0-9]{4}`},
	'y': {"year", false, `[0-9]{2}`, `[0-9]{2}`},
	'b': {"month", false, abbr, abbr},
	'B': {"month", false, months, months},
	'H': {"hour", true, `([01][0-9]|2[0-3])`, `([01]?[0-9]|2[0-3])`},
	'I': {"hour", true, `(0[1-9]|1[0-2])`, `(0?[1-9]|1[0-2])`},
	'p': {"half of the day", true, `(?i:am|pm)`, `(?i:am|pm)`},
	'M': {"minute", true, `[0-5][0-9]`, `[0-5]?[0-9]`},
	'S': {"second", true, `[0-5][0-9]`, `[0-5]?[0-9]`},
	'f': {"fraction", true, `[0-9]{6}`, `[0-9]{1,6}`},
	'z': {"offset", true, zone, zone},
}

// TimeFormat is a format for dates or timestamps, in the directives of strptime.
type TimeFormat struct {
	Pattern  string // RE2 pattern that a whole value must match
	Strptime string // the format for DuckDB's strptime
	Zoned    bool   // values have an offset

	whole *regexp.Regexp // Pattern, with groups named as the parts of the date
}

// NewTimeFormat reads a format. Each part of the date, and in a timestamp the hour, must occur exactly once.
func NewTimeFormat(format string, timestamp bool) (*TimeFormat, error) {
	f := &TimeFormat{Strptime: strings.ReplaceAll(format, "%-", "%")}
	var pattern strings.Builder
	parts, twelve, adjacent := map[string]bool{}, false, false
	for i := 0; i < len(f.Strptime); i++ {
		c := f.Strptime[i]
		if c == 0 || c == '\n' || c == '\r' {
			return nil, fmt.Errorf("the format must not contain a line break or U+0000")
		}
		if c != '%' || strings.HasPrefix(f.Strptime[i:], "%%") {
			if c == '%' {
				i++
			}
			pattern.WriteString(regexp.QuoteMeta(f.Strptime[i : i+1]))
			adjacent = false
			continue
		}
		if i++; i == len(f.Strptime) {
			return nil, fmt.Errorf("the format ends in %%; write %%%% for a percent sign")
		}
		d, ok := directives[f.Strptime[i]]
		switch {
		case !ok:
			return nil, fmt.Errorf("the format has the unknown directive %%%c", f.Strptime[i])
		case d.clock && !timestamp:
			return nil, fmt.Errorf("the format of a date has the directive %%%c of a time: use timestamp_format", f.Strptime[i])
		case parts[d.part]:
			return nil, fmt.Errorf("the format has two directives for the %s", d.part)
		}
		parts[d.part], twelve, f.Zoned = true, twelve || f.Strptime[i] == 'I', f.Zoned || f.Strptime[i] == 'z'
		form := d.pattern
		if next := f.Strptime[i+1:]; adjacent || len(next) > 1 && next[0] == '%' && next[1] != '%' {
			form = d.padded // without a separator, only the digits' number tells where a part ends
		}
		if !d.clock {
			form = fmt.Sprintf("(?P<%s>%s)", d.part, form)
		}
		pattern.WriteString(form)
		adjacent = true
	}
	f.Pattern = pattern.String()
	f.whole = regexp.MustCompile(`^(?:` + f.Pattern + `)$`)
	needed := []string{"day", "month", "year"}
	if timestamp {
		needed = append(needed, "hour")
	}
	for _, part := range needed {
		if !parts[part] {
			return nil, fmt.Errorf("the format has no directive for the %s", part)
		}
	}
	switch {
	case f.Zoned && strings.Contains(strings.ReplaceAll(f.Strptime, "%%", ""), "Z"):
		return nil, fmt.Errorf("the format has the letter Z and %%z, which stands for Z, too")
	case twelve != parts["half of the day"]:
		return nil, fmt.Errorf("the format must have %%I and %%p together, or %%H")
	case parts["second"] && !parts["minute"], parts["fraction"] && !parts["second"]:
		return nil, fmt.Errorf("the format leaves out the minute or the second but has a smaller part")
	}
	return f, nil
}

// Matches reports whether a value has the format, and a date that exists.
func (f *TimeFormat) Matches(value []byte) bool {
	found := f.whole.FindSubmatch(value)
	if found == nil {
		return false
	}
	part := func(name string) string { return string(found[f.whole.SubexpIndex(name)]) }
	year, _ := strconv.Atoi(part("year"))
	if len(part("year")) == 2 {
		if year += 1900; year < 1969 { // POSIX strptime
			year += 100
		}
	}
	day, _ := strconv.Atoi(part("day"))
	month, err := strconv.Atoi(part("month"))
	if err != nil {
		month = slices.IndexFunc(strings.Split(abbreviations, "|"), func(m string) bool { return strings.EqualFold(m, part("month")[:3]) }) + 1
	}
	return IsDate(year, month, day)
}

// IsDate reports whether a date of the proleptic Gregorian calendar exists, from the year 1.
func IsDate(year, month, day int) bool {
	if year < 1 || month < 1 || month > 12 || day < 1 || day > 31 {
		return false
	}
	switch month {
	case 4, 6, 9, 11:
		return day <= 30
	case 2:
		return day <= 28 || day == 29 && year%4 == 0 && (year%100 != 0 || year%400 == 0)
	}
	return true
}
