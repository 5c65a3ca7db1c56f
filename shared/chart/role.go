package chart

import (
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

	"function/shared/resultset"
)

// grains ranks words for parts of a date that whole numbers stand for, from coarse to fine.
var grains = map[string]int{
	"decade": 1, "year": 2, "yr": 2, "isoyear": 2, "jahr": 2, "quarter": 3, "qtr": 3, "month": 4, "monat": 4,
	"week": 5, "isoweek": 5, "day": 6, "dayofmonth": 6, "weekday": 6, "dow": 6, "isodow": 6, "dayofweek": 6, "hour": 7, "minute": 8,
}

// keys are last words of column names whose whole numbers are identifiers rather than quantities.
var keys = words("id key code zip zipcode postcode plz nr no ean sku isbn")

// lastWord returns the last word of a column's name: id for customer_id, customerId and "customer
// id".
func lastWord(name string) string {
	var b strings.Builder
	lower := false
	for _, r := range name {
		if unicode.IsUpper(r) && lower || !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			b.WriteByte(' ')
		}
		lower = unicode.IsLower(r)
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			b.WriteRune(unicode.ToLower(r))
		}
	}
	all := strings.Fields(b.String())
	if len(all) == 0 || strings.Contains(name, "(") && !strings.HasPrefix(strings.ToLower(name), "year(") && !strings.HasPrefix(strings.ToLower(name), "month(") &&
		!strings.HasPrefix(strings.ToLower(name), "hour(") && !strings.HasPrefix(strings.ToLower(name), "date_part(") {
		return ""
	}
	if strings.Contains(name, "(") {
		return strings.Trim(all[0], " ")
	}
	return all[len(all)-1]
}

// roles returns the columns that name the rows and the columns that measure them, in order.
func roles(set *resultset.Set) (names, measures []int) {
	var named []int // numeric columns that name rows
	for i, c := range set.Columns {
		word := lastWord(c.Name)
		switch {
		case !isNumeric(set, i):
			names = append(names, i)
		case whole(set, i) && (grains[word] > 0 || keys[word]):
			names, named = append(names, i), append(named, i)
		default:
			measures = append(measures, i)
		}
	}
	if len(measures) == 0 && len(named) > 0 { // SELECT day, hour: draw one of them
		last := named[len(named)-1]
		names = slices.DeleteFunc(names, func(i int) bool { return i == last })
		measures = []int{last}
	}
	return names, measures
}

// whole reports whether a column contains only whole numbers and nulls.
func whole(set *resultset.Set, column int) bool {
	for _, row := range set.Rows {
		if v := cell(row, column); v != nil {
			if n := number(v); n != math.Trunc(n) {
				return false
			}
		}
	}
	return true
}

// finer reports whether a is a finer part of a date than b, and should therefore be the axis.
func finer(set *resultset.Set, a, b int) bool {
	rank := func(column int) int {
		if grain := grains[lastWord(set.Columns[column].Name)]; grain > 0 && ordinals(set, column) != nil {
			return grain
		}
		if instants(set, column) != nil {
			return 2
		}
		return 0
	}
	return rank(a) > rank(b)
}

// years returns the times of a numeric column of years, or nil if it is not one.
func years(set *resultset.Set, column int) []time.Time {
	if grain := grains[lastWord(set.Columns[column].Name)]; grain != 1 && grain != 2 || !whole(set, column) {
		return nil
	}
	times, found := make([]time.Time, len(set.Rows)), false
	for i, row := range set.Rows {
		if v := cell(row, column); v != nil {
			year := number(v)
			if !(year >= 1000 && year <= 9999) {
				return nil
			}
			times[i], found = time.Date(int(year), 1, 1, 0, 0, 0, 0, time.UTC), true
		}
	}
	if !found {
		return nil
	}
	return times
}

// monthsOfYears returns the times of a column of years and a column of months, or nil if they are
// not.
func monthsOfYears(set *resultset.Set, names []int) []time.Time {
	year, month := names[0], names[1]
	if grains[lastWord(set.Columns[year].Name)] == 4 {
		year, month = month, year
	}
	if grains[lastWord(set.Columns[month].Name)] != 4 || !isNumeric(set, month) || !isNumeric(set, year) {
		return nil
	}
	times := years(set, year)
	for i := range times {
		n := number(cell(set.Rows[i], month))
		if times[i].IsZero() || !(n >= 1 && n <= 12) {
			return nil
		}
		times[i] = times[i].AddDate(0, int(n)-1, 0)
	}
	return times
}

var (
	weekdayNames = []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}
	monthNames   = []string{"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"}
)

// ordinals returns the positions of a column's values on an axis: parts of a date, numbers that
// rise from row to row, or names of months or weekdays. It returns nil if the column has no order.
func ordinals(set *resultset.Set, column int) []float64 {
	places := make([]float64, len(set.Rows))
	if isNumeric(set, column) {
		rising := len(set.Rows) > 2
		for i, row := range set.Rows {
			places[i] = number(cell(row, column))
			if math.IsNaN(places[i]) {
				return nil
			}
			rising = rising && (i == 0 || places[i] > places[i-1])
		}
		word := lastWord(set.Columns[column].Name)
		if grains[word] > 0 && whole(set, column) || rising && !keys[word] {
			return places
		}
		return nil
	}
	for _, names := range [][]string{weekdayNames, monthNames} {
		if named(set, column, names, places) {
			return places
		}
	}
	return nil
}

// named looks up a column's values in names, which may be abbreviated to three letters.
func named(set *resultset.Set, column int, names []string, places []float64) bool {
	for i, row := range set.Rows {
		s, _ := cell(row, column).(string)
		s = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(s), "."))
		at := slices.IndexFunc(names, func(name string) bool { return s == name || len(s) >= 3 && len(s) <= 4 && strings.HasPrefix(name, s) })
		if at < 0 {
			return false
		}
		places[i] = float64(at)
	}
	return len(set.Rows) > 0
}
