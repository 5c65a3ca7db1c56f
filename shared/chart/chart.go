// Package chart draws a query result as an SVG picture, for reports that request a chart. The
// picture is self-contained: it has no scripts, style sheets, fonts or external references, so it
// can be used as an image or inlined.
//
// The data determine the picture, unless Options.Kind does. The first column that is not a measure
// names the rows; the measures are the series. A measure is a numeric column, except for whole
// numbers whose column name indicates a date or an identifier, such as year, month, hour or
// customer_id, and for a first column of numbers that rise from row to row:
//
//	one number                     the number itself, large
//	rows named by dates or times,  lines over a proportional axis, in order
//	by years or rising numbers
//	other rows                     bars in the order of the result, months and weekdays in calendar order;
//	                               horizontal when names are long or many
//	no rows, or only nulls         a sentence that says so
//
// If names repeat and there is a second column of names and one measure (month, weather, count),
// the table is in long form: the values of the second column become the series. Of two parts of a
// date, the coarser becomes the series (a line per year). Measures of different units or very
// different size each have their own panel and axis.
//
// All numbers of a column are written with the same number of decimals: as many as exact decimals
// have, and for floating-point numbers at most two, or enough to show four digits of the largest.
package chart

import (
	"fmt"

	"function/shared/fault"
	"function/shared/resultset"
)

// Limits of one picture. It omits the rest and says so.
const (
	MaxBars   = 50 // rows drawn as bars; the largest values are kept
	MaxSeries = 6  // the number of colours that can be told apart with any colour vision
)

// The kinds of pictures.
const (
	Automatic = "" // determined by the data
	Line      = "line"
	Bar       = "bar"
	Area      = "area"
	Scatter   = "scatter"
)

// Default size of a picture and its limits, in CSS pixels.
const (
	defaultWidth, defaultHeight = 800, 450
	minWidth, minHeight         = 320, 240
	maxWidth, maxHeight         = 4000, 4000
)

// Options are what the data do not determine.
type Options struct {
	Title  string // above the picture; empty: derived from the column names
	Width  int    // CSS pixels, 320 to 4000; 0: 800
	Kind   string // Automatic, Line, Bar, Area or Scatter
	Height int    // CSS pixels, 240 to 4000; 0: 450; horizontal bars extend it, with at least 22 pixels each
}

// Render draws set as SVG 1.1 with an opaque background, role, title and description (WAI-ARIA,
// SVG-AAM). Nulls, NaN, infinities and numbers beyond ±1e300 are gaps. A set without a numeric
// column is fault.Invalid.
func Render(set *resultset.Set, options Options) ([]byte, error) {
	f := newFrame(options)
	if len(set.Rows) == 0 {
		return f.sentence("no rows")
	}
	t, err := read(set, options.Kind)
	if err != nil {
		return nil, err
	}
	if !t.single() {
		f.title = firstOf(f.title, t.title())
	}
	if set.Truncated {
		f.notes = append(f.notes, fmt.Sprintf("only the first %s rows of the result", formatNumber(float64(len(set.Rows)))))
	}
	switch {
	case t.empty():
		return f.sentence("no values")
	case t.single():
		return f.number(t)
	case options.Kind == Bar, options.Kind == Automatic && !t.continuous():
		return f.bars(t)
	}
	return f.lines(t, options.Kind)
}

func noNumbers(set *resultset.Set) error {
	if len(set.Columns) == 0 {
		return fault.New(fault.Invalid, "A chart needs a column of numbers; this result has no columns.")
	}
	first := set.Columns[0]
	return fault.New(fault.Invalid, "A chart needs a column of numbers; none of the %d columns of this result is numeric (the first is %s, %s).",
		len(set.Columns), clean(first.Name, 60), clean(first.Type, 40))
}
