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

// table is an answer in the form that is drawn: a name or an instant, and a number of every series, for each row.
type table struct {
	by     string      // the column that names the rows; empty when none does
	group  string      // the column that names the series, in the long form
	value  string      // what the numbers are, when they are all one thing
	labels []string    // one a row
	times  []time.Time // one a row, ascending, when the rows are instants
	series []series
	exact  string // the only number of a single row as the answer has it
	notes  []string
}

type series struct {
	name   string
	values []float64 // one a row; NaN is a gap
}

func read(set *resultset.Set) (*table, error) {
	var numeric, other []int
	for i := range set.Columns {
		if isNumeric(set, i) {
			numeric = append(numeric, i)
		} else {
			other = append(other, i)
		}
	}
	switch {
	case len(numeric) == 0:
		return nil, noNumbers(set)
	case len(other) == 0 && len(numeric) == 1:
		return wide(set, -1, numeric), nil
	case len(other) == 0 && len(set.Rows) == 1:
		return transposed(set, numeric), nil
	case len(other) == 0:
		return wide(set, numeric[0], numeric[1:]), nil
	case len(other) > 1 && len(numeric) == 1:
		if t := long(set, other, numeric[0]); t != nil {
			return t, nil
		}
	}
	return wide(set, other[0], numeric), nil
}

// wide takes a series from each numeric column, the first MaxSeries of them. With label −1 the rows are numbered.
func wide(set *resultset.Set, label int, numeric []int) *table {
	t := &table{}
	if len(numeric) == 1 {
		t.value = readable(set.Columns[numeric[0]].Name)
	}
	if len(set.Rows) == 1 {
		t.exact = text(cell(set.Rows[0], numeric[0]))
	}
	if len(numeric) > MaxSeries {
		t.note("the first %d of %d columns", MaxSeries, len(numeric))
		numeric = numeric[:MaxSeries]
	}
	for _, column := range numeric {
		s := series{name: readable(set.Columns[column].Name), values: make([]float64, len(set.Rows))}
		for i, row := range set.Rows {
			s.values[i] = number(cell(row, column))
		}
		t.series = append(t.series, s)
	}
	if label < 0 {
		for i := range set.Rows {
			t.labels = append(t.labels, formatNumber(float64(i+1)))
		}
		return t
	}
	t.by = readable(set.Columns[label].Name)
	for _, row := range set.Rows {
		t.labels = append(t.labels, text(cell(row, label)))
	}
	t.sortByTime(instants(set, label))
	return t
}

// transposed makes the columns of a single row its bars.
func transposed(set *resultset.Set, numeric []int) *table {
	t := &table{series: []series{{}}}
	for _, column := range numeric {
		t.labels = append(t.labels, readable(set.Columns[column].Name))
		t.series[0].values = append(t.series[0].values, number(cell(set.Rows[0], column)))
	}
	return t
}

// long reads rows of (label, series, number), or nil when they are not that: no label repeats, or one repeats within
// a series.
func long(set *resultset.Set, other []int, numeric int) *table {
	label, name := other[0], other[1]
	times := instants(set, label)
	if swapped := instants(set, name); times == nil && swapped != nil {
		label, name, times = name, label, swapped
	}
	t := &table{by: readable(set.Columns[label].Name), group: readable(set.Columns[name].Name), value: readable(set.Columns[numeric].Name)}
	rows, names := map[string]int{}, map[string]int{}
	var moments []time.Time
	for i, row := range set.Rows {
		key, group := text(cell(row, label)), text(cell(row, name))
		r, known := rows[key]
		if !known {
			r = len(t.labels)
			rows[key] = r
			t.labels = append(t.labels, key)
			if times != nil {
				moments = append(moments, times[i])
			}
		}
		s, known := names[group]
		if !known {
			s = len(names)
			names[group] = s
			if s < MaxSeries {
				t.series = append(t.series, series{name: group})
			}
		}
		if s < MaxSeries && !t.series[s].set(r, number(cell(row, numeric))) {
			return nil
		}
	}
	if len(t.labels) == len(set.Rows) {
		return nil
	}
	for i := range t.series {
		t.series[i].grow(len(t.labels))
	}
	if len(names) > MaxSeries {
		t.note("the first %d of %s values of %s", MaxSeries, formatNumber(float64(len(names))), t.group)
	}
	t.sortByTime(moments)
	return t
}

// grow fills up with gaps to n values.
func (s *series) grow(n int) {
	for len(s.values) < n {
		s.values = append(s.values, math.NaN())
	}
}

// set puts a value at row, unless there is one.
func (s *series) set(row int, value float64) bool {
	s.grow(row + 1)
	if !math.IsNaN(s.values[row]) {
		return false
	}
	s.values[row] = value
	return true
}

// sortByTime makes the rows instants, drops those without one, and puts them in order. It does nothing without times.
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

// keepLargest leaves the n rows with the largest first values, sizes counted without their sign, in that order.
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

func (t *table) single() bool { return len(t.labels) == 1 && len(t.series) == 1 }

// empty says that there is nothing but gaps.
func (t *table) empty() bool {
	low, _ := t.bounds()
	return math.IsNaN(low)
}

// bounds are the least and the greatest value; NaN when there is none.
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

// title is what the columns' names say of the whole.
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
