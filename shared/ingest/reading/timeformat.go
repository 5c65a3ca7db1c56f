package reading

import (
	"fmt"
	"regexp"
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
	months = `(?i:january|february|march|april|may|june|july|august|september|october|november|december)`
	abbr   = `(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)`
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
	'z': {"offset", true, `(Z|[+-][0-9]{2}(:?[0-9]{2})?)`, `(Z|[+-][0-9]{2}(:?[0-9]{2})?)`},
}

// TimeFormat is a format for dates or timestamps, in the directives of strptime.
type TimeFormat struct {
	Pattern  string // RE2 pattern that a whole value must match
	Strptime string // the format for DuckDB's strptime
	Zoned    bool   // values have an offset
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
		if next := f.Strptime[i+1:]; adjacent || len(next) > 1 && next[0] == '%' && next[1] != '%' {
			pattern.WriteString(d.padded) // without a separator, only the digits' number tells where a part ends
		} else {
			pattern.WriteString(d.pattern)
		}
		adjacent = true
	}
	f.Pattern = pattern.String()
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
