package distribution

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"function/shared/engine"
)

// finite is the condition that a value is neither null, infinite nor NaN.
func finite(f engine.Field) string {
	if x := engine.Identifier(f.Name); floating(f.Type) || temporal(f.Type) {
		return "isfinite(" + x + ")"
	} else {
		return x + " IS NOT NULL"
	}
}

// quantiles finds the quantiles and the histogram of a column with numbers or times.
func (d *describer) quantiles(ctx context.Context, f engine.Field, c *Column) error {
	x := engine.Identifier(f.Name)
	row, err := d.Row(ctx, fmt.Sprintf(`
SELECT q[1], q[2], q[3], q[4], q[5], lo, hi
FROM (SELECT quantile_disc(%[1]s, [0.05, 0.25, 0.5, 0.75, 0.95]) AS q, min(%[2]s) AS lo, max(%[2]s) AS hi FROM sample WHERE %[3]s)`, x, position(f), finite(f)))
	if err != nil {
		return err
	}
	low, some := row[5].(float64)
	high, _ := row[6].(float64)
	if !some {
		return nil // no value is finite
	}
	c.Quantiles = &Quantiles{f.Value(row[0]), f.Value(row[1]), f.Value(row[2]), f.Value(row[3]), f.Value(row[4])}
	bounds := split(low, high, temporal(f.Type))
	var inner []string
	for _, b := range bounds[1 : len(bounds)-1] {
		inner = append(inner, fmt.Sprintf("%v::DOUBLE", b))
	}
	counts := make([]int64, len(bounds)-1)
	query := fmt.Sprintf("SELECT len(list_filter([%s]::DOUBLE[], lambda b: b <= v)), count(*) FROM (SELECT %s AS v FROM sample WHERE %s) GROUP BY 1", strings.Join(inner, ", "), position(f), finite(f))
	if err := d.Each(ctx, query, func(row []any) error {
		i, _ := row[0].(int64)
		counts[i], _ = row[1].(int64)
		return nil
	}); err != nil {
		return err
	}
	for i, n := range counts {
		c.Histogram = append(c.Histogram, Bin{bound(bounds[i], f.Type), bound(bounds[i+1], f.Type), n})
	}
	return nil
}

// position is a value as a double: of times, microseconds since 1970.
func position(f engine.Field) string {
	x := engine.Identifier(f.Name)
	if temporal(f.Type) {
		x = "epoch_us(" + x + ")"
	}
	return "CAST(" + x + " AS DOUBLE)"
}

// split returns the bounds of intervals of equal width, which strictly increase unless there is only one value. Those of
// times are whole.
func split(low, high float64, whole bool) []float64 {
	bounds := []float64{low}
	for i := 1; i < bins; i++ {
		share := float64(i) / bins
		b := low*(1-share) + high*share
		if whole {
			b = math.Round(b)
		}
		if b > bounds[len(bounds)-1] && b < high {
			bounds = append(bounds, b)
		}
	}
	return append(bounds, high)
}

func bound(v float64, sqlType string) any {
	if !temporal(sqlType) {
		return v
	}
	return time.UnixMicro(int64(v)).UTC().Format(time.RFC3339Nano)
}

// correlations computes Pearson's coefficients of the first columns with numbers. Values are divided by the greatest one, so
// that squares of large ones do not overflow.
func (d *describer) correlations(ctx context.Context) (*Correlations, error) {
	out := &Correlations{}
	var values []string
	for _, f := range d.fields {
		if number(f.Type) && len(values) < correlated {
			x := fmt.Sprintf("CAST(CASE WHEN %s THEN %s END AS DOUBLE)", finite(f), engine.Identifier(f.Name))
			values = append(values, fmt.Sprintf("%[1]s / nullif(max(abs(%[1]s)) OVER (), 0) AS c%[2]d", x, len(values)))
			out.Columns = append(out.Columns, f.Name)
		}
	}
	n := len(values)
	if n < 2 {
		return nil, nil
	}
	if err := d.Exec(ctx, "CREATE OR REPLACE TEMP TABLE scaled AS SELECT "+strings.Join(values, ", ")+" FROM sample"); err != nil {
		return nil, err
	}
	out.Matrix = make([][]*float64, n)
	for i := range n {
		out.Matrix[i] = make([]*float64, n)
	}
	for i := range n {
		var list []string
		for j := i; j < n; j++ {
			list = append(list, fmt.Sprintf("corr(c%d, c%d)", i, j))
		}
		row, err := d.Row(ctx, "SELECT "+strings.Join(list, ", ")+" FROM scaled")
		if err != nil {
			return nil, err
		}
		for k, v := range row {
			if r, ok := v.(float64); ok && !math.IsNaN(r) && !math.IsInf(r, 0) {
				r = max(-1, min(1, r))
				out.Matrix[i][i+k], out.Matrix[i+k][i] = &r, &r
			}
		}
	}
	return out, nil
}
