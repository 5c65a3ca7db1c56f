package chart_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/shared/chart"
	"function/shared/fault"
	"function/shared/resultset"
)

// picture is what a reader finds in the SVG.
type picture struct {
	label, desc string
	viewBox     string
	texts       []string // <text>, in order
	hints       []string // <title> of shapes, in order
	elements    map[string]int
	paths       []string
}

// parse parses the SVG and fails on anything that a self-contained picture must not contain.
func parse(t testing.TB, data []byte) picture {
	t.Helper()
	known := strings.Fields("svg title desc rect line path circle text")
	p := picture{elements: map[string]int{}}
	decoder := xml.NewDecoder(bytes.NewReader(data))
	var open []string
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return p
		}
		if err != nil {
			t.Fatalf("not XML: %v\n%s", err, data)
		}
		switch token := token.(type) {
		case xml.StartElement:
			name := token.Name.Local
			if !slices.Contains(known, name) {
				t.Fatalf("element %s", name)
			}
			p.elements[name]++
			open = append(open, name)
			for _, a := range token.Attr {
				switch {
				case strings.HasPrefix(a.Name.Local, "on"), a.Name.Local == "href", a.Name.Local == "style", strings.Contains(a.Value, "url("):
					t.Fatalf("attribute %s=%q", a.Name.Local, a.Value)
				case strings.Contains(a.Value, "NaN"), strings.Contains(a.Value, "Inf"):
					if a.Name.Local != "aria-label" {
						t.Fatalf("attribute %s=%q", a.Name.Local, a.Value)
					}
				case a.Name.Local == "aria-label":
					p.label = a.Value
				case a.Name.Local == "viewBox":
					p.viewBox = a.Value
				case a.Name.Local == "d":
					p.paths = append(p.paths, a.Value)
				}
			}
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			switch open[len(open)-1] {
			case "text":
				p.texts = append(p.texts, string(token))
			case "desc":
				p.desc = string(token)
			case "title":
				if len(open) > 2 {
					p.hints = append(p.hints, string(token))
				}
			}
		}
	}
}

func draw(t testing.TB, set *resultset.Set, options chart.Options) picture {
	t.Helper()
	data, err := chart.Render(set, options)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, data)
}

// set returns a set with columns given as "name TYPE".
func set(columns []string, rows ...[]any) *resultset.Set {
	s := &resultset.Set{Rows: rows}
	for _, column := range columns {
		name, kind, _ := strings.Cut(column, " ")
		s.Columns = append(s.Columns, resultset.Column{Name: name, Type: kind})
	}
	return s
}

func (p picture) has(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !slices.Contains(p.texts, text) {
			t.Errorf("no text %q in %q", text, p.texts)
		}
	}
}

// weather returns the days of Seattle: date, precipitation, temp_max, temp_min, wind, weather.
func weather(t *testing.T) [][]string {
	t.Helper()
	file, err := os.Open("../../testdata/seattle-weather.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows[1:]
}

func TestCounts(t *testing.T) {
	t.Parallel()
	counts := map[string]int64{}
	for _, day := range weather(t) {
		counts[day[5]]++
	}
	s := set([]string{"weather VARCHAR", "count BIGINT"})
	for _, name := range []string{"rain", "sun", "fog", "drizzle", "snow"} {
		s.Rows = append(s.Rows, []any{name, counts[name]})
	}
	p := draw(t, s, chart.Options{Title: "Days by weather"})
	want := []string{"rain: 641", "sun: 640", "fog: 101", "drizzle: 53", "snow: 26"}
	if diff := cmp.Diff(want, p.hints); diff != "" {
		t.Error(diff)
	}
	p.has(t, "Days by weather", "rain", "641", "weather", "count", "0", "600")
	if p.label != "Days by weather" || p.desc != "bars of 5 rows from 26 to 641: "+strings.Join(want, ", ") || p.viewBox != "0 0 800 450" {
		t.Errorf("label %q, description %q, box %q", p.label, p.desc, p.viewBox)
	}
}

func TestMonthlyMeans(t *testing.T) {
	t.Parallel()
	var months []string
	sum, n := map[string]float64{}, map[string]float64{}
	for _, day := range weather(t) {
		month := day[0][:7]
		if n[month] == 0 {
			months = append(months, month)
		}
		v, err := strconv.ParseFloat(day[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		sum[month], n[month] = sum[month]+v, n[month]+1
	}
	slices.Reverse(months) // the picture sorts them
	s := set([]string{"month VARCHAR", "mean_celsius DOUBLE"})
	for _, month := range months {
		s.Rows = append(s.Rows, []any{month, sum[month] / n[month]})
	}
	p := draw(t, s, chart.Options{})
	p.has(t, "mean (°C) by month", "2012", "2013", "2014", "2015", "month")
	if len(p.hints) != 48 || p.hints[0] != "2012-01: 7.05" || p.hints[47] != "2015-12: 8.38" {
		t.Errorf("%d points: %q", len(p.hints), p.hints)
	}
}

func TestEveryDayThinned(t *testing.T) {
	t.Parallel()
	s := set([]string{"date DATE", "temp_max DOUBLE"})
	for range 7 { // 10,227 points over 700 pixels
		for _, day := range weather(t) {
			s.Rows = append(s.Rows, []any{day[0], json.Number(day[2])})
		}
	}
	p := draw(t, s, chart.Options{})
	if n := strings.Count(p.paths[0], "L"); n < 700 || n > 4*760 {
		t.Errorf("%d segments", n)
	}
	if strings.Contains(p.paths[0][1:], "M") {
		t.Error("the line is broken")
	}
}

func TestLongForm(t *testing.T) {
	t.Parallel()
	s := set([]string{"weather VARCHAR", "month DATE", "days BIGINT"},
		[]any{"rain", "2012-02-01", 17}, []any{"rain", "2012-01-01", 18}, []any{"sun", "2012-01-01", 4}, []any{"sun", "2012-03-01", 6})
	p := draw(t, s, chart.Options{})
	want := []string{"2012-01-01, rain: 18", "2012-02-01, rain: 17", "2012-01-01, sun: 4", "2012-03-01, sun: 6"}
	if diff := cmp.Diff(want, p.hints); diff != "" {
		t.Error(diff)
	}
	p.has(t, "days by month and weather", "rain", "sun", "days")

	s.Rows = append(s.Rows, []any{"sun", "2012-03-01", 9}) // two numbers for one month and weather
	if p := draw(t, s, chart.Options{}); !slices.Contains(p.hints, "sun, 2012-03-01: 9") || p.elements["rect"] != 6 {
		t.Errorf("%d bars: %q", p.elements["rect"]-1, p.hints)
	}
}

func TestTiles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		set  *resultset.Set
		want []string
	}{
		{set([]string{"count BIGINT"}, []any{int64(1461)}), []string{"1,461", "count"}},
		{set([]string{"avg_ms DOUBLE"}, []any{16.439083}), []string{"16.439083", "avg (ms)"}},
		{set([]string{"sum HUGEINT"}, []any{"170141183460469231731687303715884105727"}), []string{"170,141,183,460,469,231,731,687,303,715,884,105,727", "sum"}},
		{set([]string{"d DATE", "temp DOUBLE"}, []any{"2012-01-01", -1.5}), []string{"−1.5", "2012-01-01: temp"}},
		{set([]string{"d TIMESTAMP", "n INTEGER"}, []any{"infinity", 1}, []any{"2012-01-01T00:00:00", 2}), []string{"1 row without a time left out", "2", "2012-01-01T00:00:00: n"}},
		{set([]string{"n"}), []string{"no rows"}},
		{&resultset.Set{}, []string{"no rows"}},
		{set([]string{"name VARCHAR", "n DOUBLE"}, []any{"a", nil}, []any{"b", "NaN"}, []any{"c", math.Inf(1)}, []any{}), []string{"n by name", "no values"}},
	} {
		if diff := cmp.Diff(c.want, draw(t, c.set, chart.Options{}).texts); diff != "" {
			t.Error(diff)
		}
	}
}

func TestSingleRowOfColumns(t *testing.T) {
	t.Parallel()
	p := draw(t, set([]string{"min DOUBLE", "max DOUBLE"}, []any{-1.6, 35.6}), chart.Options{})
	if diff := cmp.Diff([]string{"min: −1.6", "max: 35.6"}, p.hints); diff != "" {
		t.Error(diff)
	}
}

func TestNumericNames(t *testing.T) {
	t.Parallel()
	p := draw(t, set([]string{"year", "n"}, []any{2012.0, 1.0}, []any{2013.0, 2.0}), chart.Options{})
	p.has(t, "n by year", "2012", "2013")
}

func TestManyRows(t *testing.T) {
	t.Parallel()
	s := set([]string{"airport VARCHAR", "passengers BIGINT"})
	for i := range 70 {
		s.Rows = append(s.Rows, []any{fmt.Sprintf("airport %02d", i), int64(i * 1000)})
	}
	s.Truncated = true
	p := draw(t, s, chart.Options{})
	p.has(t, "only the first 70 rows of the result; top 50 of 70 by passengers", "69,000", "20,000")
	if len(p.hints) != chart.MaxBars || p.hints[0] != "airport 69: 69,000" || p.viewBox != "0 0 800 1264" {
		t.Errorf("%d bars in %s, the first %q", len(p.hints), p.viewBox, p.hints[0])
	}
}

func TestManySeries(t *testing.T) {
	t.Parallel()
	columns, row := []string{"name VARCHAR"}, []any{"a"}
	for i := range 200 {
		columns, row = append(columns, fmt.Sprintf("c%d INTEGER", i)), append(row, -i)
	}
	p := draw(t, set(columns, row, row), chart.Options{})
	p.has(t, "the first 6 of 200 columns", "c5")
	if len(p.hints) != 12 || p.hints[11] != "a, c5: −5" {
		t.Errorf("%q", p.hints)
	}
}

func TestGapsBreakLines(t *testing.T) {
	t.Parallel()
	s := set([]string{"at TIMESTAMPTZ", "n DOUBLE"})
	for i, v := range []any{1.0, 2.0, nil, 4.0, "NaN", 6.0, 7.0} {
		s.Rows = append(s.Rows, []any{fmt.Sprintf("2026-11-23T10:%02d:00Z", i), v})
	}
	p := draw(t, s, chart.Options{})
	if n := strings.Count(p.paths[0], "M"); n != 3 || p.elements["circle"] != 5 {
		t.Errorf("%d strokes, %d dots", n, p.elements["circle"])
	}
	p.has(t, "10:00", "at on 23 November 2026")
}

func TestNoNumbers(t *testing.T) {
	t.Parallel()
	for _, s := range []*resultset.Set{
		set([]string{"name VARCHAR", "tags VARCHAR[]"}, []any{"1", "2"}),
		set([]string{"flag"}, []any{true}),
		{Rows: [][]any{{1}}},
	} {
		_, err := chart.Render(s, chart.Options{})
		if f, ok := fault.As(err); !ok || f.Kind != fault.Invalid || !strings.Contains(f.Detail, "column of numbers") {
			t.Errorf("%v", err)
		}
	}
}

func TestHostileText(t *testing.T) {
	t.Parallel()
	hostile := []string{
		`</text><script>alert(1)</script>`, `"><image href="http://example.com/x"/>`, `]]><!--`, `&lt;&#x3c;script&#x3e;`, `' onload='alert(1)`,
		"a\x00b\x1b[31m\u202egnp.exe\uffff", "\xff\xfe broken", strings.Repeat("long ", 2000), "", "🚀👩‍🚀 数据 नमस्ते",
	}
	for _, kind := range []string{"VARCHAR", `"><script>`} {
		s := set([]string{"name", "n INTEGER", "m DOUBLE"})
		s.Columns[0] = resultset.Column{Name: hostile[0], Type: kind}
		s.Columns[1].Name = hostile[4]
		for i, text := range hostile {
			s.Rows = append(s.Rows, []any{text, i, -i})
		}
		data, err := chart.Render(s, chart.Options{Title: hostile[1]})
		if err != nil {
			t.Fatal(err)
		}
		p := parse(t, data)
		p.has(t, hostile[1], "a b [31m gnp.exe", "�� broken", "(empty)")
		if len(data) > 20_000 || !slices.Contains(p.hints, hostile[0]+", "+hostile[4]+": 0") {
			t.Errorf("%d bytes, %q", len(data), p.hints)
		}
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	s := set([]string{"name VARCHAR", "n INTEGER"}, []any{"a", 1}, []any{"b", 2})
	for want, o := range map[string]chart.Options{
		"0 0 320 240":   {Width: -5, Height: 1},
		"0 0 4000 4000": {Width: math.MaxInt, Height: math.MaxInt},
		"0 0 640 450":   {Width: 640},
	} {
		if p := draw(t, s, o); p.viewBox != want {
			t.Errorf("%+v: %s", o, p.viewBox)
		}
	}
}

func TestExtremeValues(t *testing.T) {
	t.Parallel()
	values := []any{1e300, -1e300, 1e-310, int64(math.MaxInt64), "1e999", "-0", json.Number("12"), uint8(3), float32(0.1), true}
	for _, first := range []string{"name VARCHAR", "at TIMESTAMP"} {
		for _, names := range [][]string{{"a", "b"}, {"0001-01-02T00:00:00", "9999-12-31T23:59:59.999999"}, {"2012-01-01T00:00:00", "2012-01-01T00:00:00"},
			{"2012-01-01T00:00:00", "2012-01-01T00:00:00.000000001"}} {
			for _, a := range values {
				for _, b := range values {
					draw(t, set([]string{first, "n DOUBLE"}, []any{names[0], a}, []any{names[1], b}), chart.Options{})
				}
			}
		}
	}
}

func FuzzRender(f *testing.F) {
	f.Add(`{"columns":[{"name":"d","type":"DATE"},{"name":"n","type":"BIGINT"}],"rows":[["2012-01-01",1],["2012-01-03",2.5]]}`, "t", 800, 450)
	f.Add(`{"columns":[{"name":"a","type":""},{"name":"b","type":""},{"name":"n","type":"DECIMAL(9,2)"}],"rows":[["x","y","1.5"],["x","z",null],[null]]}`, "<b>", 0, 0)
	f.Fuzz(func(t *testing.T, data, title string, width, height int) {
		var s resultset.Set
		if json.Unmarshal([]byte(data), &s) != nil {
			return
		}
		svg, err := chart.Render(&s, chart.Options{Title: title, Width: width, Height: height})
		if err != nil {
			if _, ok := fault.As(err); !ok {
				t.Fatal(err)
			}
			return
		}
		parse(t, svg)
	})
}

func BenchmarkRender(b *testing.B) {
	columns := []string{"at TIMESTAMP"}
	for i := range 200 {
		columns = append(columns, fmt.Sprintf("c%d DOUBLE", i))
	}
	s := set(columns)
	for i := range 10_000 {
		row := []any{fmt.Sprintf("2012-01-01T%02d:%02d:%02d", i/3600, i/60%60, i%60)}
		for j := range 200 {
			row = append(row, float64(i*j%1013))
		}
		s.Rows = append(s.Rows, row)
	}
	for b.Loop() {
		if _, err := chart.Render(s, chart.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
