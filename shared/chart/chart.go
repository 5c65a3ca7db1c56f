// Package chart draws an answer as an SVG picture, whenever a report that asks for a chart has run. The picture stands
// alone: no script, style sheet, font or reference to anything outside it, so it may be shown as an image or inlined.
//
// The data choose the picture. The first column that is not numeric names the rows, the numeric ones are the series:
//
//	one number                    the number itself, large
//	rows named by dates or times  lines over a proportional time axis, in time order
//	other rows                    bars in the order of the answer; lying when names are long or many
//	no rows, or only nulls        a sentence that says so
//
// Names that repeat, with a second column of text and one of numbers (month, weather, count), are the long form of a
// table: the second column's values become the series.
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
	Height int    // CSS pixels, 240 to 4000; 0: 450; lying bars grow beyond it, 22 pixels or more each
}

// Render draws set as SVG 1.1 with opaque background, role, title and description (WAI-ARIA, SVG-AAM). Nulls, NaN,
// infinities and numbers beyond ±1e300 are gaps. A set without a numeric column is a fault.Invalid.
func Render(set *resultset.Set, options Options) ([]byte, error) {
	f := newFrame(options)
	if len(set.Rows) == 0 {
		return f.sentence("no rows")
	}
	t, err := read(set)
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
	case t.times != nil:
		return f.lines(t)
	}
	return f.bars(t)
}

func noNumbers(set *resultset.Set) error {
	if len(set.Columns) == 0 {
		return fault.New(fault.Invalid, "A chart needs a column of numbers; this result has no columns.")
	}
	first := set.Columns[0]
	return fault.New(fault.Invalid, "A chart needs a column of numbers; none of the %d columns of this result is numeric (the first is %s, %s).",
		len(set.Columns), clean(first.Name, 60), clean(first.Type, 40))
}
