package distribution_test

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	gocmp "github.com/google/go-cmp/cmp"

	"function/shared/distribution"
	"function/shared/engine"
	"function/shared/ingest/sample"
)

func describe(t *testing.T, query string) *distribution.Distribution {
	t.Helper()
	s, err := engine.Open(t.Context(), "SET threads = 1")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	path := filepath.Join(t.TempDir(), "rows.parquet")
	if err := s.Exec(t.Context(), "COPY ("+query+") TO "+engine.Literal(path)+" (FORMAT parquet)"); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	drawn, err := sample.Draw(t.Context(), s, []string{path}, t.TempDir())
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	got, err := distribution.Describe(t.Context(), s, drawn)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return got
}

// pearson is the textbook's two-pass formula over the rows that have both values.
func pearson(a, b []*float64) *float64 {
	var x, y []float64
	for i := range a {
		if a[i] != nil && b[i] != nil {
			x, y = append(x, *a[i]), append(y, *b[i])
		}
	}
	mean := func(list []float64) (m float64) {
		for _, v := range list {
			m += v / float64(len(list))
		}
		return m
	}
	mx, my := mean(x), mean(y)
	var xy, xx, yy float64
	for i := range x {
		xy, xx, yy = xy+(x[i]-mx)*(y[i]-my), xx+(x[i]-mx)*(x[i]-mx), yy+(y[i]-my)*(y[i]-my)
	}
	if xx == 0 || yy == 0 {
		return nil
	}
	r := xy / math.Sqrt(xx*yy)
	return &r
}

func shape(text string) string {
	var out strings.Builder
	for i, r := range []rune(text) {
		switch {
		case i == 50:
			return out.String()
		case unicode.Is(unicode.Nd, r):
			out.WriteByte('9')
		case unicode.Is(unicode.Lu, r):
			out.WriteByte('A')
		case unicode.IsLetter(r):
			out.WriteByte('a')
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

func TestDescribe_RandomTables_AreAsCountedByHand(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 1))
		n := 1 + random.IntN(60)
		numbers := make([][]*float64, 3)
		var texts []string
		var rows []string
		for range n {
			row := []string{}
			for i := range numbers {
				var v *float64
				if random.IntN(5) > 0 {
					v = new(float64(random.IntN(1000)-500) / []float64{1, 4, 1}[i])
					row = append(row, fmt.Sprint(*v))
				} else {
					row = append(row, "NULL")
				}
				numbers[i] = append(numbers[i], v)
			}
			text := []string{"AB-12", "x", "Žluť 7", "", "日本", strings.Repeat("Ab1", 30), "AC-99", "ⅷ"}[random.IntN(8)]
			texts = append(texts, text)
			rows = append(rows, "("+strings.Join(row, ", ")+", '"+text+"')")
		}
		got := describe(t, "SELECT CAST(a AS BIGINT) AS a, CAST(b AS DOUBLE) AS b, CAST(c AS DECIMAL(9,1)) AS c, s FROM (VALUES "+strings.Join(rows, ", ")+") v(a, b, c, s)")
		for i, values := range numbers {
			var sorted []float64
			for _, v := range values {
				if v != nil {
					sorted = append(sorted, *v)
				}
			}
			slices.Sort(sorted)
			c := got.Columns[i]
			if len(sorted) == 0 {
				if c.Quantiles != nil || c.Histogram != nil {
					t.Errorf("seed %d: column %d without values has %+v", seed, i, c)
				}
				continue
			}
			for q, v := range map[float64]any{0.05: c.Quantiles.P5, 0.25: c.Quantiles.P25, 0.5: c.Quantiles.P50, 0.75: c.Quantiles.P75, 0.95: c.Quantiles.P95} {
				want := sorted[max(0, int(math.Ceil(q*float64(len(sorted))-1e-9))-1)]
				var is float64
				if _, err := fmt.Sscan(fmt.Sprint(v), &is); err != nil || is != want {
					t.Errorf("seed %d: quantile %v of column %d is %v, want %v", seed, q, i, v, want)
				}
			}
			for b, bin := range c.Histogram {
				from, to := bin.From.(float64), bin.To.(float64)
				var want int64
				for _, v := range sorted {
					if v >= from && (v < to || b == len(c.Histogram)-1 && v == to) {
						want++
					}
				}
				if bin.Count != want || b > 0 && from != c.Histogram[b-1].To || b == 0 && from != sorted[0] {
					t.Errorf("seed %d: bin %d of column %d is %+v, want %d values", seed, b, i, bin, want)
				}
			}
			for j := range numbers {
				want, is := pearson(numbers[i], numbers[j]), got.Correlations.Matrix[i][j]
				if (want == nil) != (is == nil) || want != nil && math.Abs(*want-*is) > 1e-9 {
					t.Errorf("seed %d: correlation of %d and %d is %v, want %v", seed, i, j, is, want)
				}
			}
		}
		counts := map[string]int64{}
		for _, text := range texts {
			counts[shape(text)]++
		}
		var want []distribution.Pattern
		for s, count := range counts {
			want = append(want, distribution.Pattern{Shape: s, Count: count, Share: float64(count) / float64(n)})
		}
		slices.SortFunc(want, func(a, b distribution.Pattern) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Shape, b.Shape))
		})
		if diff := gocmp.Diff(want[:min(5, len(want))], got.Columns[3].Patterns); diff != "" {
			t.Errorf("seed %d: patterns\n%s", seed, diff)
		}
	}
}

func TestDescribe_DifficultValues_AreExact(t *testing.T) {
	t.Parallel()
	got := describe(t, `SELECT * FROM (VALUES
		(9007199254740993, 1e308::DOUBLE, '2026-11-30 10:00:00.000001'::TIMESTAMP, 'NaN'::DOUBLE, [1], 12345678901234567890.123456789::DECIMAL(38,9), 'infinity'::DATE),
		(9007199254740993, -1e308, '2026-11-30 10:00:00.000003', 'infinity', NULL, NULL, '2026-11-30')) v(big, huge, moment, nothing, list, exact, day)`)
	if q := got.Columns[0].Quantiles; fmt.Sprint(q.P50) != "9007199254740993" {
		t.Errorf("quantiles of a large integer %+v", q)
	}
	if h := got.Columns[0].Histogram; len(h) != 1 || h[0].Count != 2 {
		t.Errorf("histogram of one value %+v", h)
	}
	if h := got.Columns[1].Histogram; len(h) != 20 || h[0].Count != 1 || h[19].Count != 1 {
		t.Errorf("histogram of huge values %+v", h)
	}
	if h := got.Columns[2].Histogram; len(h) != 2 || h[0].From != "2026-11-30T10:00:00.000001Z" || h[1].To != "2026-11-30T10:00:00.000003Z" || h[1].Count != 1 {
		t.Errorf("histogram of times %+v", h)
	}
	if c := got.Columns[3]; c.Quantiles != nil || c.Histogram != nil {
		t.Errorf("column without finite values %+v", c)
	}
	if c := got.Columns[4]; c.Patterns != nil || gocmp.Diff([]any{"[1]"}, c.Examples) != "" {
		t.Errorf("column of lists %+v", c)
	}
	if q := got.Columns[5].Quantiles; fmt.Sprint(q.P95) != "12345678901234567890.123456789" {
		t.Errorf("quantiles of a decimal %+v", q)
	}
	if q := got.Columns[6].Quantiles; fmt.Sprint(q.P5) != "2026-11-30" {
		t.Errorf("quantiles of dates %+v", q)
	}
	if got.Sampled != nil || got.Correlations.Matrix[0][1] != nil {
		t.Errorf("sampled %v, correlations %v", got.Sampled, got.Correlations)
	}
}

func TestDescribe_ManyRows_AreSampled(t *testing.T) {
	t.Parallel()
	got := describe(t, "SELECT range AS n, 2 * range AS m, TIMESTAMPTZ '2026-01-01 00:00:00Z' + to_seconds(range) AS at FROM range(100000)")
	if got.Sampled == nil || *got.Sampled < 19_000 || *got.Sampled > 21_000 {
		t.Fatalf("sampled %v", got.Sampled)
	}
	var all int64
	for _, b := range got.Columns[0].Histogram {
		all += b.Count
	}
	if median, ok := got.Columns[0].Quantiles.P50.(int64); all != *got.Sampled || !ok || median < 45_000 || median > 55_000 || *got.Correlations.Matrix[0][1] < 0.999 {
		t.Errorf("%d values, median %v, correlation %v", all, got.Columns[0].Quantiles.P50, *got.Correlations.Matrix[0][1])
	}
	if _, err := time.Parse(time.RFC3339Nano, got.Columns[2].Histogram[0].From.(string)); err != nil {
		t.Error(err)
	}
}
