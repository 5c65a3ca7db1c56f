package ingest

import (
	"fmt"

	"function/shared/engine"
	"function/shared/ingest/inference"
	"function/shared/ingest/reading"
)

// forms are the forms of values in the text of a file, where the reading options set others than the usual ones.
type forms struct {
	nulls            []string // words for null
	options          *reading.Options
	date, timestamp  *reading.TimeFormat // nil: ISO 8601
	point, thousands string              // of numbers; both empty: those of JSON
	pattern          string              // of numbers
	*inference.Forms
}

func newForms(o *reading.Options) (*forms, error) {
	f := &forms{nulls: o.NullValues, options: o}
	var err error
	if o.DateFormat != "" {
		if f.date, err = reading.NewTimeFormat(o.DateFormat, false); err != nil {
			return nil, fmt.Errorf("read the date format: %w", err)
		}
	}
	if o.TimestampFormat != "" {
		if f.timestamp, err = reading.NewTimeFormat(o.TimestampFormat, true); err != nil {
			return nil, fmt.Errorf("read the timestamp format: %w", err)
		}
	}
	if o.Local() {
		f.pattern, f.point = o.NumberForm()
		f.thousands = o.ThousandsSeparator
	}
	f.Forms = inference.NewForms(o, f.date, f.timestamp)
	return f, nil
}

// unfit is the text in place of a value that does not have the form of its type. No type but text accepts it.
const unfit = "'?'"

// value returns column i as text in the usual form of a type. A value that does not have the form that the reading
// options set becomes unfit.
func (t *table) value(i int, sqlType string) string {
	x, kind := t.present(i), t.columns[i].kind
	switch {
	case sqlType == "DATE" && t.forms.date != nil && (kind == anything || kind == words):
		return moment(x, t.forms.date, "%Y-%m-%d")
	case t.forms.timed(sqlType) && (kind == anything || kind == words):
		if t.forms.timestamp.Zoned {
			return moment(x, t.forms.timestamp, "%Y-%m-%d %H:%M:%S.%fZ")
		}
		return moment(x, t.forms.timestamp, "%Y-%m-%d %H:%M:%S.%f")
	case t.forms.point != "" && kind == anything && (numeric(sqlType) || floating(sqlType)):
		return t.forms.number(x)
	}
	return x
}

// timed reports whether the timestamp format is for a type: one with an offset is for TIMESTAMPTZ only.
func (f *forms) timed(sqlType string) bool {
	return f.timestamp != nil && (sqlType == "TIMESTAMPTZ" && f.timestamp.Zoned || sqlType == "TIMESTAMP" && !f.timestamp.Zoned)
}

// form says, for an error, which form of a type the reading options set.
func (t *table) form(sqlType string) string {
	switch {
	case sqlType == "DATE" && t.forms.date != nil:
		return "of the form " + t.forms.options.DateFormat
	case t.forms.timed(sqlType):
		return "of the form " + t.forms.options.TimestampFormat
	case t.forms.point != "" && (numeric(sqlType) || floating(sqlType)):
		return fmt.Sprintf("with the decimal separator %q and the thousands separator %q", t.forms.point, t.forms.thousands)
	}
	return ""
}

// moment returns an expression that reads dates or timestamps in a format and writes them in another.
func moment(x string, f *reading.TimeFormat, iso string) string {
	text := x
	if f.Zoned { // strptime does not know Z
		text = fmt.Sprintf("replace(%s, 'Z', '+00')", x)
	}
	parsed := fmt.Sprintf("try_strptime(%s, %s)", text, engine.Literal(f.Strptime))
	if f.Zoned {
		parsed = "timezone('UTC', " + parsed + ")"
	}
	return fmt.Sprintf("(CASE WHEN %[1]s IS NOT NULL THEN CASE WHEN regexp_full_match(%[1]s, %[2]s) THEN coalesce(strftime(%[3]s, %[4]s), %[5]s) ELSE %[5]s END END)",
		x, engine.Literal(f.Pattern), parsed, engine.Literal(iso), unfit)
}

// number returns an expression that writes a number with a decimal point and without groups.
func (f *forms) number(x string) string {
	plain := x
	if f.thousands != "" {
		plain = fmt.Sprintf("replace(%s, %s, '')", plain, engine.Literal(f.thousands))
	}
	if f.point != "." {
		plain = fmt.Sprintf("replace(%s, %s, '.')", plain, engine.Literal(f.point))
	}
	return fmt.Sprintf("(CASE WHEN %[1]s IS NOT NULL THEN CASE WHEN regexp_full_match(%[1]s, %[2]s) THEN %[3]s ELSE %[4]s END END)",
		x, engine.Literal(f.pattern), plain, unfit)
}
