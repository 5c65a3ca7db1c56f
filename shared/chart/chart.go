// Package chart draws an answer as an SVG picture, whenever a report that asks for a chart has run. The picture stands
// alone: no script, style sheet, font or reference to anything outside it, so it may be shown as an image or inlined.
//
// The data choose the picture, unless Options.Kind does. The first column that is not a measure names the rows, the
// measures are the series. A measure is a numeric column, unless whole numbers under a name such as year, month, hour
// or customer_id say when or which, or numbers that rise from row to row come first:
//
//	one number                     the number itself, large
//	rows named by dates or times,  lines over a proportional axis, in order
//	by years or rising numbers
//	other rows                     bars in the order of the answer, months and weekdays in that of the calendar; lying
//	                               when names are long or many
//	no rows, or only nulls         a sentence that says so
//
// Names that repeat, with a second column of names and one measure (month, weather, count), are the long form of a
// table: the second column's values become the series; of two parts of a date the coarser one (a line per year).
// Measures of different units, or of very different size, have a panel and an axis each.
//
// All numbers of a column are written with the same decimals: those of exact decimals, and of floating-point numbers
// at most two, or as many as show four digits of the largest.
package chart

import (
	"fmt"

	"function/shared/fault"
	"function/shared/resultset"
)

// What one picture holds; the rest is left out, and the picture says so.
const (
	MaxBars   = 50 // rows drawn as bars, those with the largest values
	MaxSeries = 6  // as many colours as are told apart with any colour vision
)

// The kinds of pictures.
const (
	Automatic = "" // as the data choose
	Line      = "line"
	Bar       = "bar"
	Area      = "area"
	Scatter   = "scatter"
)

// Size of a picture unless Options says otherwise, and its bounds, in CSS pixels.
const (
	defaultWidth, defaultHeight = 800, 450
	minWidth, minHeight         = 320, 240
	maxWidth, maxHeight         = 4000, 4000
)

// Options are what the data do not say.
type Options struct {
	Title  string // above the picture; empty: made from the names of the columns
	Width  int    // CSS pixels, 320 to 4000; 0: 800
	Kind   string // Automatic, Line, Bar, Area or Scatter
	Height int    // CSS pixels, 240 to 4000; 0: 450; lying bars grow beyond it, 22 pixels or more each
}

// Render draws set as SVG 1.1 with opaque background, role, title and description (WAI-ARIA, SVG-AAM). Nulls, NaN,
// infinities and numbers beyond ±1e300 are gaps. A set without a numeric column is a fault.Invalid.
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
		f.notes = append(f.notes, fmt.Sprintf("only the first %s rows of the answer", formatNumber(float64(len(set.Rows)))))
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
