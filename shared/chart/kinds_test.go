package chart_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"function/shared/chart"
	"function/shared/resultset"
)

// fill returns n rows.
func fill(s *resultset.Set, n int, row func(i int) []any) *resultset.Set {
	for i := range n {
		s.Rows = append(s.Rows, row(i))
	}
	return s
}

func month(i int) string {
	return time.Date(2024, time.Month(1+i), 1, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
}

// An ordered axis gives an ordered line, whatever the order of the rows, with ticks at the rows.
func TestAxis_KeepsItsOrder(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		set    *resultset.Set
		ticks  string
		points string // the first and the last one
	}{
		"years":       {fill(set([]string{"year BIGINT", "births BIGINT"}), 60, func(i int) []any { return []any{int64(2019 - i), int64(i * 7919 % 97)} }), "1960 1970 1980", "1960: 69|2019: 0"},
		"months":      {fill(set([]string{"month DATE", "orders BIGINT"}), 4, func(i int) []any { return []any{month(i), int64(5 + i)} }), "Jan 2024 Feb 2024 Mar 2024 Apr 2024", "2024-01-01: 5|2024-04-01: 8"},
		"quarters":    {fill(set([]string{"quarter VARCHAR", "n BIGINT"}), 6, func(i int) []any { return []any{fmt.Sprintf("Q%d %d", i%4+1, 2022+i/4), int64(i)} }), "Q1 2022 Q2 2022 Q3 2022 Q4 2022 Q1 2023 Q2 2023", "Q1 2022: 0|Q2 2023: 5"},
		"hours":       {fill(set([]string{"hour BIGINT", "n BIGINT"}), 24, func(i int) []any { return []any{int64(23 - i), int64(i)} }), "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23", "0: 23|23: 0"},
		"rising":      {fill(set([]string{"distance BIGINT", "n BIGINT"}), 30, func(i int) []any { return []any{int64(i * 100), int64(i)} }), "0 500 1,000 1,500 2,000 2,500", "0: 0|2900: 29"},
		"year, month": {fill(set([]string{"year BIGINT", "month BIGINT", "n BIGINT", "m BIGINT"}), 14, func(i int) []any { return []any{int64(2023 + i/12), int64(i%12 + 1), int64(i), int64(i)} }), "Jan 2023", "2023, 1, n: 0|2024, 2, m: 13"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := draw(t, test.set, chart.Options{})
			first, last, _ := strings.Cut(test.points, "|")
			if p.elements["path"] == 0 || p.hints[0] != first || p.hints[len(p.hints)-1] != last {
				t.Errorf("%d lines from %q to %q, want %s", p.elements["path"], p.hints[0], p.hints[len(p.hints)-1], test.points)
			}
			if all := strings.Join(p.texts, " "); !strings.Contains(all, test.ticks) {
				t.Errorf("no ticks %q in %q", test.ticks, all)
			}
		})
	}
}

func TestAxis_LineForEachYear(t *testing.T) {
	t.Parallel()
	for _, columns := range [][]string{{"month BIGINT", "year BIGINT", "sales BIGINT"}, {"year BIGINT", "month BIGINT", "sales BIGINT"}} {
		s := fill(set(columns), 36, func(i int) []any {
			if columns[0] == "year BIGINT" {
				return []any{int64(2022 + i%3), int64(i/3 + 1), int64(i)}
			}
			return []any{int64(i/3 + 1), int64(2022 + i%3), int64(i)}
		})
		p := draw(t, s, chart.Options{})
		p.has(t, "sales by month and year", "2022", "2023", "2024", "1", "12")
		if p.elements["path"] != 3 || p.hints[0] != "1, 2022: 0" {
			t.Errorf("%v: %d lines, %q", columns, p.elements["path"], p.hints[0])
		}
	}
}

func TestAxis_CalendarNames(t *testing.T) {
	t.Parallel()
	s := set([]string{"weekday VARCHAR", "n BIGINT"}, []any{"Sun", int64(7)}, []any{"Mon", int64(1)}, []any{"Thurs", int64(4)})
	if p := draw(t, s, chart.Options{}); p.hints[0] != "Sun: 7" { // Thurs is not a known abbreviation
		t.Errorf("%q", p.hints)
	}
	s.Rows[2][0] = "Thu"
	if diff := cmp.Diff([]string{"Mon: 1", "Thu: 4", "Sun: 7"}, draw(t, s, chart.Options{}).hints); diff != "" {
		t.Error(diff)
	}
}

func TestLabels_OneRuleForAColumn(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind string
		rows []any
		want []string
	}{
		{"DECIMAL(10,2)", []any{"1234.56", "1234.50", "999.99", "10000.49"}, []string{"a: 1,234.56", "b: 1,234.50", "c: 999.99", "d: 10,000.49"}},
		{"DOUBLE", []any{0.5, 2.0, -1234.25}, []string{"a: 0.50", "b: 2.00", "c: −1,234.25"}},
		{"DOUBLE", []any{1.0 / 3, 123456.789}, []string{"a: 0.33", "b: 123,456.79"}},
		{"DOUBLE", []any{0.000123456, 0.01}, []string{"a: 0.00012", "b: 0.01000"}},
		{"BIGINT", []any{int64(7), "9007199254740993"}, []string{"a: 7", "b: 9.007e+15"}},
	} {
		s := set([]string{"name VARCHAR", "n " + test.kind})
		for i, v := range test.rows {
			s.Rows = append(s.Rows, []any{string(rune('a' + i)), v})
		}
		if diff := cmp.Diff(test.want, draw(t, s, chart.Options{}).hints); diff != "" {
			t.Errorf("%v: %s", test.rows, diff)
		}
	}
}

func TestRoles_IdentifiersAreNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"id", "customer_id", "customerId", "zip code", "PLZ"} {
		s := fill(set([]string{"amount BIGINT", name + " BIGINT"}), 4, func(i int) []any { return []any{int64(i), int64(1000 + i)} })
		s.Columns[1].Name, s.Columns[1].Type = name, "BIGINT"
		if p := draw(t, s, chart.Options{}); p.elements["path"] != 0 || p.hints[3] != "1003: 3" {
			t.Errorf("%s: %q", name, p.hints)
		}
	}
}

func TestPanels_ForEachUnit(t *testing.T) {
	t.Parallel()
	for kind, shape := range map[string]string{"": "path", chart.Bar: "rect", chart.Area: "path", chart.Scatter: "circle"} {
		s := fill(set([]string{"d DATE", "revenue_usd BIGINT", "orders BIGINT"}), 8, func(i int) []any { return []any{month(i), int64(i * 1_000_000), int64(i % 10)} })
		p := draw(t, s, chart.Options{Kind: kind})
		axes := 0 // each has its own axis, named there and in the legend
		for _, text := range p.texts {
			if text == "revenue (USD)" || text == "orders" {
				axes++
			}
		}
		if axes != 4 || !slices.ContainsFunc(p.texts, func(s string) bool { return strings.HasSuffix(s, "M") }) || p.elements[shape] < 2 {
			t.Errorf("%q: %q", kind, p.texts)
		}
	}
	s := set([]string{"d DATE", "temp_max DOUBLE", "temp_min DOUBLE"}, []any{"2024-01-01", 5.0, -1.0}, []any{"2024-01-02", 6.0, 0.0})
	if p := draw(t, s, chart.Options{}); strings.Count(strings.Join(p.texts, "|"), "temp max") != 2 { // title and legend: they share an axis
		t.Errorf("%q", p.texts)
	}
}

func TestNames_NullEmptyAndText(t *testing.T) {
	t.Parallel()
	s := set([]string{"k VARCHAR", "v BIGINT"}, []any{"a", int64(1)}, []any{nil, int64(2)}, []any{"", int64(3)}, []any{"null", int64(4)})
	if diff := cmp.Diff([]string{"a: 1", "(no value): 2", "(empty): 3", "null: 4"}, draw(t, s, chart.Options{}).hints); diff != "" {
		t.Error(diff)
	}
}

func TestKinds_Chosen(t *testing.T) {
	t.Parallel()
	names := fill(set([]string{"name VARCHAR", "n BIGINT"}), 5, func(i int) []any { return []any{fmt.Sprint("n", i), int64(i)} })
	years := fill(set([]string{"year BIGINT", "n BIGINT"}), 60, func(i int) []any { return []any{int64(1960 + i), int64(i)} })
	for kind, want := range map[string]map[string]int{
		chart.Automatic: {"rect": 5}, chart.Bar: {"rect": 5}, chart.Line: {"path": 1, "circle": 5}, chart.Area: {"path": 2, "circle": 5}, chart.Scatter: {"circle": 5},
	} {
		p := draw(t, names, chart.Options{Kind: kind})
		p.elements["rect"]-- // the background
		for _, element := range []string{"rect", "path", "circle"} {
			if p.elements[element] != want[element] {
				t.Errorf("%q: %d %s, want %d", kind, p.elements[element], element, want[element])
			}
		}
	}
	if p := draw(t, years, chart.Options{Kind: chart.Bar}); len(p.hints) != 60 || p.hints[0] != "1960: 0" {
		t.Errorf("bars of years: %d, the first %q", len(p.hints), p.hints[0])
	}
	points := fill(set([]string{"age BIGINT", "height_cm DOUBLE"}), 50, func(i int) []any { return []any{int64(i * 31 % 80), float64(i)} })
	points.Rows = append(points.Rows, []any{nil, 1.0})
	p := draw(t, points, chart.Options{Kind: chart.Scatter})
	p.has(t, "1 row without a value of age left out", "0", "20", "40")
	if p.elements["circle"] != 50 {
		t.Errorf("%d points, want 50", p.elements["circle"])
	}
}
