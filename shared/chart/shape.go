package chart

import (
	"strings"

	"function/shared/resultset"
)

// read turns a result into a table of labels and series, according to the roles of its columns.
func read(set *resultset.Set, kind string) (*table, error) {
	names, measures := roles(set)
	if kind == Scatter && len(names) == 0 && len(measures) > 1 {
		names, measures = measures[:1], measures[1:]
	}
	switch {
	case len(measures) == 0:
		return nil, noNumbers(set)
	case len(names) == 0 && len(measures) == 1:
		return wide(set, kind, nil, measures), nil
	case len(names) == 0 && len(set.Rows) == 1:
		return transposed(set, measures), nil
	case len(names) == 0:
		return wide(set, kind, measures[:1], measures[1:]), nil
	case len(names) == 2 && len(measures) == 1:
		if t := long(set, names, measures[0]); t != nil {
			return t, nil
		}
	}
	return wide(set, kind, names, measures), nil
}

// wide makes a series of each measure, up to MaxSeries. Without name columns, the rows are
// numbered. If names repeat, rows are named by as many columns as are needed to distinguish them.
func wide(set *resultset.Set, kind string, names, numeric []int) *table {
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
		s := series{name: readable(set.Columns[column].Name), unit: unit(set.Columns[column].Name), values: make([]float64, len(set.Rows)), decimals: decimals(set, column)}
		for i, row := range set.Rows {
			s.values[i] = number(cell(row, column))
		}
		t.series = append(t.series, s)
	}
	if len(names) == 0 {
		for i := range set.Rows {
			t.labels = append(t.labels, formatNumber(float64(i+1)))
			t.numbers = append(t.numbers, float64(i+1))
		}
		t.rows = true
		return t
	}
	names = distinguishing(set, names)
	var by []string
	for _, column := range names {
		by = append(by, readable(set.Columns[column].Name))
	}
	t.by = strings.Join(by, ", ")
	for _, row := range set.Rows {
		var label []string
		for _, column := range names {
			label = append(label, text(cell(row, column)))
		}
		t.labels = append(t.labels, strings.Join(label, ", "))
	}
	switch {
	case len(names) == 2 && monthsOfYears(set, names) != nil:
		t.sortByTime(monthsOfYears(set, names))
	case len(names) == 1 && kind == Scatter && isNumeric(set, names[0]):
		for _, row := range set.Rows {
			t.numbers = append(t.numbers, number(cell(row, names[0])))
		}
		t.sortByNumber()
	case len(names) == 1:
		t.order(set, names[0], func(i int) int { return i }, len(set.Rows))
	}
	return t
}

// distinguishing returns the shortest prefix of the name columns that distinguishes the rows, or
// all of them.
func distinguishing(set *resultset.Set, names []int) []int {
	for n := 1; n < len(names); n++ {
		seen := map[string]bool{}
		for _, row := range set.Rows {
			var key []string
			for _, column := range names[:n] {
				key = append(key, text(cell(row, column)))
			}
			seen[strings.Join(key, "\x00")] = true
		}
		if len(seen) == len(set.Rows) {
			return names[:n]
		}
	}
	return names
}

// transposed turns the columns of a single row into bars.
func transposed(set *resultset.Set, numeric []int) *table {
	t := &table{series: []series{{}}}
	for _, column := range numeric {
		t.series[0].decimals = max(t.series[0].decimals, decimals(set, column))
	}
	for _, column := range numeric {
		t.labels = append(t.labels, readable(set.Columns[column].Name))
		t.series[0].values = append(t.series[0].values, number(cell(set.Rows[0], column)))
	}
	return t
}

// long reads rows of (label, series, number). It returns nil if the result is not in that form: no
// label repeats, or one repeats within a series.
func long(set *resultset.Set, names []int, numeric int) *table {
	label, name := names[0], names[1]
	if finer(set, name, label) {
		label, name = name, label
	}
	t := &table{by: readable(set.Columns[label].Name), group: readable(set.Columns[name].Name), value: readable(set.Columns[numeric].Name)}
	rows, groups := map[string]int{}, map[string]int{}
	var first []int // for each label, its row in the result
	for i, row := range set.Rows {
		key, group := text(cell(row, label)), text(cell(row, name))
		r, known := rows[key]
		if !known {
			r = len(t.labels)
			rows[key] = r
			t.labels = append(t.labels, key)
			first = append(first, i)
		}
		s, known := groups[group]
		if !known {
			s = len(groups)
			groups[group] = s
			if s < MaxSeries {
				t.series = append(t.series, series{name: group, decimals: decimals(set, numeric)})
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
	if len(groups) > MaxSeries {
		t.note("the first %d of %s values of %s", MaxSeries, formatNumber(float64(len(groups))), t.group)
	}
	t.order(set, label, func(i int) int { return first[i] }, len(first))
	return t
}
