package chart

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"function/shared/resultset"
)

// table is a result prepared for drawing: for each row, a name or a time, and one number per
// series.
type table struct {
	by      string      // the column that names the rows; empty if none does
	group   string      // the column that names the series, in long form
	value   string      // what the numbers measure, if they all measure the same
	labels  []string    // one per row
	times   []time.Time // one per row, ascending, if the rows are times
	numbers []float64   // one per row, ascending, if the rows are ordered in another way
	named   bool        // the rows are ordered by names such as weekdays
	rows    bool        // the rows are only numbered
	series  []series
	exact   string // the only number of a single row, as in the result
	notes   []string
}

type series struct {
	name     string
	unit     string
	decimals int       // with which all values are written
	values   []float64 // one per row; NaN is a gap
}

// order sorts the rows by the column that names them, if it has an order. row maps each of the n
// rows to its row in the result.
func (t *table) order(set *resultset.Set, column int, row func(int) int, n int) {
	if times := instants(set, column); times != nil {
		moments := make([]time.Time, n)
		for i := range moments {
			moments[i] = times[row(i)]
		}
		t.sortByTime(moments)
		return
	}
	places := ordinals(set, column)
	if places == nil {
		return
	}
	for i := range n {
		t.numbers = append(t.numbers, places[row(i)])
	}
	t.sortByNumber()
	t.named = !isNumeric(set, column)
}

// sortByNumber sorts the rows by their numbers and drops rows without one.
func (t *table) sortByNumber() {
	var order []int
	for i, n := range t.numbers {
		if !math.IsNaN(n) {
			order = append(order, i)
		}
	}
	if dropped := len(t.numbers) - len(order); dropped > 0 {
		t.note("%s without a value of %s left out", count(dropped, "row"), t.by)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(t.numbers[a], t.numbers[b]) })
	t.numbers = pick(t.numbers, order)
	t.pick(order)
}

// grow appends gaps until there are n values.
func (s *series) grow(n int) {
	for len(s.values) < n {
		s.values = append(s.values, math.NaN())
	}
}

// set sets the value of a row unless it has one, and reports whether it did.
func (s *series) set(row int, value float64) bool {
	s.grow(row + 1)
	if !math.IsNaN(s.values[row]) {
		return false
	}
	s.values[row] = value
	return true
}

// sortByTime makes the rows times, sorts them and drops rows without one. It does nothing if times
// is nil.
func (t *table) sortByTime(times []time.Time) {
	if times == nil {
		return
	}
	var order []int
	for i, at := range times {
		if !at.IsZero() {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return times[a].Compare(times[b]) })
	if dropped := len(times) - len(order); dropped > 0 {
		t.note("%s without a time left out", count(dropped, "row"))
	}
	t.times = pick(times, order)
	t.pick(order)
}

// keepLargest keeps the n rows whose first values have the largest absolute value, in that order.
func (t *table) keepLargest(n int) {
	if len(t.labels) <= n {
		return
	}
	size := func(i int) float64 {
		if v := t.series[0].values[i]; !math.IsNaN(v) {
			return math.Abs(v)
		}
		return -1
	}
	order := make([]int, len(t.labels))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(size(b), size(a)) })
	t.numbers = nil
	t.note("top %d of %s by %s", n, formatNumber(float64(len(order))), firstOf(t.series[0].name, "value"))
	t.pick(order[:n])
}

func (t *table) pick(order []int) {
	t.labels = pick(t.labels, order)
	for i := range t.series {
		t.series[i].values = pick(t.series[i].values, order)
	}
}

func pick[T any](from []T, order []int) []T {
	picked := make([]T, len(order))
	for i, at := range order {
		picked[i] = from[at]
	}
	return picked
}

func (t *table) note(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

// continuous reports whether the rows are points on an axis, so that lines between them are
// meaningful.
func (t *table) continuous() bool { return t.times != nil || t.numbers != nil && !t.named && !t.rows }

// format formats a value of a series.
func (t *table) format(s int, v float64) string { return formatDecimals(v, t.series[s].decimals) }

// panels groups the series that share an axis: those with the same unit and of a size that one axis
// can show.
func (t *table) panels() [][]int {
	var groups [][]int
	for i, s := range t.series {
		at := slices.IndexFunc(groups, func(g []int) bool {
			other := t.series[g[0]]
			a, b := s.size(), other.size()
			return s.unit == other.unit && (a == 0 || b == 0 || max(a, b) <= 50*min(a, b) || t.group != "")
		})
		if at < 0 {
			groups = append(groups, nil)
			at = len(groups) - 1
		}
		groups[at] = append(groups[at], i)
	}
	return groups
}

// scale returns a scale from low to high. Whole numbers have no ticks between them.
func (t *table) scale(low, high float64, ticks int) scale {
	s := newScale(low, high, ticks)
	for _, series := range t.series {
		if series.decimals > 0 {
			return s
		}
	}
	if s.step < 1 {
		return scale{low: math.Floor(low), high: max(math.Ceil(high), math.Floor(low)+1), step: 1}
	}
	return s
}

// size returns the largest absolute value.
func (s series) size() float64 {
	size := 0.0
	for _, v := range s.values {
		if !math.IsNaN(v) {
			size = max(size, math.Abs(v))
		}
	}
	return size
}

// of returns the table with only some of its series.
func (t *table) of(series []int) *table {
	part := *t
	part.series = pick(t.series, series)
	if part.value == "" && len(series) < len(t.series) {
		var names []string
		for _, s := range part.series {
			names = append(names, s.name)
		}
		part.value = strings.Join(names, ", ")
	}
	return &part
}

func (t *table) single() bool { return len(t.labels) == 1 && len(t.series) == 1 }

// empty reports whether there are only gaps.
func (t *table) empty() bool {
	low, _ := t.bounds()
	return math.IsNaN(low)
}

// bounds returns the smallest and the largest value, or NaN if there are none.
func (t *table) bounds() (low, high float64) {
	low, high = math.NaN(), math.NaN()
	for _, s := range t.series {
		for _, v := range s.values {
			if v < low || math.IsNaN(low) {
				low = v
			}
			if v > high || math.IsNaN(high) {
				high = v
			}
		}
	}
	return low, high
}

// title derives a title from the column names.
func (t *table) title() string {
	names := make([]string, len(t.series))
	for i, s := range t.series {
		names[i] = s.name
	}
	title := firstOf(t.value, strings.Join(names, ", "))
	if title == "" || t.by == "" {
		return title
	}
	title += " by " + t.by
	if t.group != "" {
		title += " and " + t.group
	}
	return title
}
